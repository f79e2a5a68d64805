#include "client/profile/profile.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/disk/created_names.h"
#include "common/base/fail.h"
#include "common/base/ids.h"
#include "common/base/status_macros.h"
#include "common/identity/files.h"
#include "common/line/rows.h"

namespace convergia::client {
namespace {

constexpr absl::string_view kSettingsFile = "profile";
constexpr absl::string_view kCaFile = "ca.pem";
constexpr absl::string_view kTicketFile = "ticket";
constexpr absl::string_view kStartFile = "start";
constexpr absl::string_view kUnreachable = "unreachable";

absl::Status Damaged(absl::string_view path) {
  return Fail(FailCode::kBadField, absl::StrCat(path, " is damaged; delete it and try again"));
}

// A file ends with an LF, for people who read it.
absl::string_view WithoutFinalNewline(absl::string_view contents) {
  absl::ConsumeSuffix(&contents, "\n");
  return contents;
}

// The home of the current user in the system's user database.
absl::StatusOr<std::string> HomeOfSystem() {
  std::vector<char> buffer(16 * 1024);
  passwd entry = {};
  passwd* found = nullptr;
  const int error = getpwuid_r(getuid(), &entry, buffer.data(), buffer.size(), &found);
  if (error != 0 || found == nullptr || found->pw_dir == nullptr || *found->pw_dir == '\0') {
    return Fail(FailCode::kBadField,
                "there is no folder for the profile: neither CONVERGIA_HOME nor HOME is set, and "
                "the system knows no home for this user; set CONVERGIA_HOME");
  }
  return std::string(found->pw_dir);
}

bool ReadMeasure(const std::vector<absl::string_view>& row, StartMemory* memory) {
  if (row.size() != 3) return false;
  Measure measure{.name = std::string(row[1])};
  if (row[2] != kUnreachable) {
    int64_t micros = 0;
    if (!absl::SimpleAtoi(row[2], &micros)) return false;
    measure.round_trip = absl::Microseconds(micros);
  }
  memory->report.push_back(std::move(measure));
  return true;
}

bool ReadAssigned(const std::vector<absl::string_view>& row, StartMemory* memory) {
  if (row.size() != 4) return false;
  memory->assigned.push_back({std::string(row[1]), std::string(row[2]), std::string(row[3])});
  return true;
}

}  // namespace

absl::StatusOr<std::string> Profile::DefaultHome() {
  if (const char* home = std::getenv("CONVERGIA_HOME"); home != nullptr && *home != '\0') {
    return std::string(home);
  }
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') return absl::StrCat(home, "/.config/convergia");
  CVG_ASSIGN_OR_RETURN(const std::string of_system, HomeOfSystem());
  return absl::StrCat(of_system, "/.config/convergia");
}

absl::Status Profile::CheckName(absl::string_view name) {
  const absl::Status status = Username::Parse(name).status();  // The rule is the same.
  if (status.ok()) return status;
  return Fail(FailCode::kBadField,
              absl::StrCat("\"", name, "\" cannot be the name of a profile: ", status.message()));
}

absl::StatusOr<Profile> Profile::Load(const std::string& home, absl::string_view name) {
  CVG_RETURN_IF_ERROR(CheckName(name));
  Profile profile(absl::StrCat(home, "/", Username::Parse(name)->str()));
  CVG_RETURN_IF_ERROR(profile.ReadSettings());
  CVG_ASSIGN_OR_RETURN(profile.ca_pem_, profile.Read(kCaFile));
  profile.trouble_ = profile.ReadTicket();
  profile.trouble_.Update(profile.ReadMemory());
  return profile;
}

std::string Profile::PathOf(absl::string_view file) const {
  return absl::StrCat(folder_, "/", file);
}

// A missing file counts as empty.
absl::StatusOr<std::string> Profile::Read(absl::string_view file) const {
  absl::StatusOr<std::string> contents = identity::ReadFileToString(PathOf(file));
  if (absl::IsNotFound(contents.status())) return std::string();
  return contents;
}

absl::Status Profile::Write(absl::string_view file, absl::string_view contents, bool secret) const {
  if (folder_.empty()) return absl::OkStatus();
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(folder_).parent_path(), error);
  if (mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot make the folder ", folder_));
  }
  // A link, as programs that keep dotfiles elsewhere make them, stays a link.
  return identity::WriteFileAtomically(
      NameBehindLinks(PathOf(file)), contents,
      secret ? identity::kSecretFileMode : identity::kPublicFileMode);
}

absl::Status Profile::ReadSettings() {
  CVG_ASSIGN_OR_RETURN(const std::string contents, Read(kSettingsFile));
  const absl::string_view rows = WithoutFinalNewline(contents);
  server_ = std::string(line::ValueInRows(rows, "server"));
  user_ = std::string(line::ValueInRows(rows, "user"));
  if (!contents.empty() && server_.empty()) return Damaged(PathOf(kSettingsFile));
  return absl::OkStatus();
}

absl::Status Profile::ReadTicket() {
  CVG_ASSIGN_OR_RETURN(const std::string contents, Read(kTicketFile));
  if (contents.empty()) return absl::OkStatus();
  const absl::string_view rows = WithoutFinalNewline(contents);
  int64_t expires_ms = 0;
  if (!absl::SimpleAtoi(line::ValueInRows(rows, "expires"), &expires_ms)) {
    return Damaged(PathOf(kTicketFile));
  }
  ticket_ = CachedTicket{.user = std::string(line::ValueInRows(rows, "user")),
                         .server = std::string(line::ValueInRows(rows, "server")),
                         .expires = absl::FromUnixMillis(expires_ms),
                         .ticket = std::string(line::ValueInRows(rows, "ticket"))};
  return absl::OkStatus();
}

absl::Status Profile::ReadMemory() {
  CVG_ASSIGN_OR_RETURN(const std::string contents, Read(kStartFile));
  StartMemory memory;
  for (const auto& row : line::ParseRows(WithoutFinalNewline(contents))) {
    const bool good = row[0] == "measure"    ? ReadMeasure(row, &memory)
                      : row[0] == "assigned" ? ReadAssigned(row, &memory)
                                             : false;
    if (!good) return Damaged(PathOf(kStartFile));
  }
  memory_ = std::move(memory);
  return absl::OkStatus();
}

absl::Status Profile::SetServerAndUser(absl::string_view server, absl::string_view user) {
  if (server == server_ && user == user_) return absl::OkStatus();
  line::RowWriter rows;
  rows.Add({"server", server});
  rows.Add({"user", user});
  CVG_RETURN_IF_ERROR(Write(kSettingsFile, absl::StrCat(rows.data(), "\n"), /*secret=*/false));
  server_ = std::string(server);
  user_ = std::string(user);
  return absl::OkStatus();
}

absl::Status Profile::PinCa(absl::string_view ca_pem) {
  CVG_RETURN_IF_ERROR(Write(kCaFile, ca_pem, /*secret=*/false));
  ca_pem_ = std::string(ca_pem);
  return absl::OkStatus();
}

absl::Status Profile::SetTicket(const CachedTicket& ticket) {
  line::RowWriter rows;
  rows.Add({"user", ticket.user});
  rows.Add({"server", ticket.server});
  rows.Add({"expires", absl::StrCat(absl::ToUnixMillis(ticket.expires))});
  rows.Add({"ticket", ticket.ticket});
  CVG_RETURN_IF_ERROR(Write(kTicketFile, absl::StrCat(rows.data(), "\n"), /*secret=*/true));
  ticket_ = ticket;
  return absl::OkStatus();
}

absl::Status Profile::ForgetTicket() {
  ticket_.reset();
  if (folder_.empty()) return absl::OkStatus();
  if (unlink(PathOf(kTicketFile).c_str()) != 0 && errno != ENOENT) {
    return absl::ErrnoToStatus(errno, PathOf(kTicketFile));
  }
  return absl::OkStatus();
}

absl::Status Profile::SetMemory(const StartMemory& memory) {
  if (memory.report == memory_.report && memory.assigned == memory_.assigned) {
    return absl::OkStatus();
  }
  line::RowWriter rows;
  for (const Measure& measure : memory.report) {
    rows.Add({"measure", measure.name,
              measure.round_trip ? absl::StrCat(absl::ToInt64Microseconds(*measure.round_trip))
                                 : std::string(kUnreachable)});
  }
  for (const MainServer& server : memory.assigned) {
    rows.Add({"assigned", server.name, server.address, server.pin});
  }
  CVG_RETURN_IF_ERROR(Write(kStartFile, absl::StrCat(rows.data(), "\n"), /*secret=*/false));
  memory_ = memory;
  return absl::OkStatus();
}

}  // namespace convergia::client
