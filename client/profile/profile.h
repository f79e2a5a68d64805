#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/connect/start_plan.h"

namespace convergia::client {

// A ticket of an earlier sign-in, so that the next start needs no password.
struct CachedTicket {
  std::string user;
  std::string server;  // The management server that gave it.
  absl::Time expires;
  std::string ticket;
};

// The state that the `convergia` command saves between starts. Each profile is a folder:
//
//   $CONVERGIA_HOME, else ~/.config/convergia
//   '- NAME/          mode 0700; "default" unless --profile says otherwise
//      |- profile     rows of key TAB value: server, user
//      |- ca.pem      the certificate authority this profile trusts, pinned at first contact
//      |- ticket      mode 0600
//      '- start       the last report, and the main servers that mgmt assigned
//
// Not thread-safe. Two commands may use one profile at the same time, since files are replaced
// whole.
class Profile {
 public:
  // Errors: FailCode::kBadField for a name that no profile can have.
  static absl::Status CheckName(absl::string_view name);

  // Reads the profile `name` in the folder `home`. A profile that does not exist is empty. Nothing
  // is written. A ticket or start file that cannot be read is ignored, since it only saves time;
  // trouble() has the error.
  //
  // Errors: FailCode::kBadField for a bad name, or for a file that cannot be parsed; the text names
  // it.
  static absl::StatusOr<Profile> Load(const std::string& home, absl::string_view name);

  // An empty profile without a folder. Each change succeeds and is lost at the end.
  static Profile WithoutFolder() { return Profile(""); }

  // $CONVERGIA_HOME, or .config/convergia in $HOME, or in the home of the system's user database,
  // in this order. Errors: FailCode::kBadField if none is known.
  static absl::StatusOr<std::string> DefaultHome();

  const std::string& folder() const { return folder_; }
  const absl::Status& trouble() const { return trouble_; }

  const std::string& server() const { return server_; }
  const std::string& user() const { return user_; }
  const std::string& ca_pem() const { return ca_pem_; }  // Empty before the first contact.
  const std::optional<CachedTicket>& ticket() const { return ticket_; }
  const StartMemory& memory() const { return memory_; }

  // Each writes its file at once, and makes the folder if it is missing. Errors: those of the disk.
  absl::Status SetServerAndUser(absl::string_view server, absl::string_view user);
  absl::Status PinCa(absl::string_view ca_pem);
  absl::Status SetTicket(const CachedTicket& ticket);
  absl::Status ForgetTicket();
  absl::Status SetMemory(const StartMemory& memory);

 private:
  explicit Profile(std::string folder) : folder_(std::move(folder)) {}

  std::string PathOf(absl::string_view file) const;
  absl::StatusOr<std::string> Read(absl::string_view file) const;
  absl::Status Write(absl::string_view file, absl::string_view contents, bool secret) const;
  absl::Status ReadSettings();
  absl::Status ReadTicket();
  absl::Status ReadMemory();

  std::string folder_;
  std::string server_;
  std::string user_;
  std::string ca_pem_;
  std::optional<CachedTicket> ticket_;
  StartMemory memory_;
  absl::Status trouble_;
};

}  // namespace convergia::client
