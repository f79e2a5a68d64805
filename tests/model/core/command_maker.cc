#include "tests/model/core/command_maker.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace convergia::testing {
namespace {

// Names below the folders in "/"; some look odd but are valid.
const std::vector<std::string>& Names() {
  static const auto& names = *new std::vector<std::string>{
      "0", "1", "2", "3", "a b", "\xc3\xa4\xe6\x97\xa5", "~t~", "...", std::string(255, 'n')};
  return names;
}

constexpr size_t kDepthMax = 4;

}  // namespace

std::string CommandMaker::Existing(const Model& model, bool folder) {
  const Right need = Chance(80) ? folder ? Right::kAdmin : Right::kWrite : Right::kNone;
  std::vector<std::string> paths;
  for (const auto& [path, node] : model.folders().nodes()) {
    const bool fits = node.is_folder == folder && path != "/";
    if (fits && model.folders().RightAt(user_, path) >= need) paths.push_back(path);
  }
  return paths.empty() ? "/" + Any(options_.top_names) : Any(paths);
}

std::string CommandMaker::Path(const Model& model) {
  if (Chance(60)) return Existing(model, false);
  if (Chance(60)) return Existing(model, true);
  return Chance(2) ? "/" : Fresh(model);
}

std::string CommandMaker::Fresh(const Model& model) {
  if (Chance(10)) return "/" + Any(options_.top_names);
  std::string path = Chance(5) ? Existing(model, false) : Existing(model, true);
  if (static_cast<size_t>(std::count(path.begin(), path.end(), '/')) > kDepthMax) {
    path = ParentOf(path);
  }
  absl::StrAppend(&path, "/", Any(Names()));
  if (Chance(5)) absl::StrAppend(&path, "/", Any(Names()));
  return path;
}

std::string CommandMaker::Who() {
  if (Chance(15)) return "*";
  if (Chance(5)) return Chance(50) ? "nobody" : "no body";
  const std::string& user = Any(options_.users);
  return Chance(5) ? absl::AsciiStrToUpper(user) : user;
}

std::string CommandMaker::Bytes(size_t bytes_max) {
  std::string bytes(Pick(bytes_max + 1), '\0');
  for (size_t i = 0; i < bytes.size(); i += 8) {
    const uint64_t random = rng_();
    for (size_t j = i; j < std::min(bytes.size(), i + 8); ++j) {
      bytes[j] = static_cast<char>(random >> (8 * (j - i)));
    }
  }
  return bytes;
}

std::string CommandMaker::Data() {
  const size_t dice = Pick(1000);
  if (dice < 20) return "";
  if (dice < 700) return Bytes(300);
  if (dice < 930) return Bytes(8 * 1024);
  if (dice < 995) return Bytes(64 * 1024);
  if (dice < 998) return Bytes(1024 * 1024);
  return std::string(1024 * 1024 + Pick(2), 'x');
}

size_t CommandMaker::SizeOf(const std::string& path, const Model& model) const {
  const auto node = model.folders().nodes().find(path);
  return node == model.folders().nodes().end() ? 0 : node->second.bytes->size();
}

Command CommandMaker::WriteTo(const std::string& path, const Model& model) {
  const size_t size = SizeOf(path, model);
  size_t offset = size;
  if (Chance(50)) offset = Pick(size + 1);
  if (Chance(3)) offset = size + 1 + Pick(100);
  if (size > options_.file_bytes_max) return {"TRUNCATEFILE", {path, absl::StrCat(Pick(size))}};
  return {"WRITEFILE", {path, absl::StrCat(offset), Data()}};
}

Command CommandMaker::OnFiles(size_t dice, const Model& model) {
  const std::string path = Path(model);
  const size_t size = SizeOf(path, model);
  if (dice < 50) return WriteTo(path, model);
  if (dice < 58) return {"TRUNCATEFILE", {path, absl::StrCat(Pick(size + size / 20 + 2))}};
  if (dice < 70) return {"READFILE", {path, "0", "1048576"}};
  if (dice < 90) {
    return {"READFILE",
            {path, absl::StrCat(Pick(size + size / 20 + 2)), absl::StrCat(Pick(size + 10))}};
  }
  if (dice < 95) return {"DELETEFILE", {path}};
  return {"GETINFO", {path}};
}

Command CommandMaker::OnFolders(size_t dice, const Model& model) {
  if (dice < 20) return {"CREATEFOLDER", {Fresh(model)}};
  if (dice < 48) {
    if (Chance(25)) return {"CREATEFILE", {Fresh(model), "part"}};
    return {"CREATEFILE", {Fresh(model)}};
  }
  if (dice < 54) {
    const std::string path = Chance(80) ? Existing(model, true) : Path(model);
    if (Chance(60)) return {"DELETEFOLDER", {path}};
    return {"DELETEFOLDER", {path, "recursive"}};
  }
  if (dice < 66) {
    if (Chance(60)) return {"MOVE", {Path(model), Chance(80) ? Fresh(model) : Path(model)}};
    const std::string from = Chance(80) ? Existing(model, false) : Path(model);
    return {"MOVE", {from, Chance(60) ? Existing(model, false) : Path(model), "replace"}};
  }
  if (dice < 78) {
    const std::vector<std::string> rights = {"none", "read", "write", "admin", "admin", "inherit"};
    const std::string path = Chance(90) ? Existing(model, true) : Path(model);
    return {"SETPERMISSIONS", {path, Who(), Chance(97) ? Any(rights) : "all"}};
  }
  if (dice < 88) {
    const std::string path = Chance(90) ? Existing(model, true) : Path(model);
    if (Chance(60) || path == "/") return {"LISTFOLDER", {path}};
    return {"LISTFOLDER", {path, Chance(30) ? "" : Any(Names()), absl::StrCat(Pick(6))}};
  }
  return {"GETINFO", {Chance(50) ? Existing(model, true) : Path(model)}};
}

std::string CommandMaker::Draft(const std::string& user, const Model& model) {
  std::vector<uint64_t> own;
  std::vector<uint64_t> others;
  for (const auto& [number, draft] : model.mail().drafts()) {
    (draft.from == user ? own : others).push_back(number);
  }
  if (!own.empty() && !Chance(5)) return absl::StrCat(Any(own));
  if (!others.empty() && Chance(70)) return absl::StrCat(Any(others));
  return Chance(50) ? "99999999999999" : "1x";
}

std::string CommandMaker::Message(const std::string& user, const Model& model) {
  std::vector<uint64_t> own;
  for (const MailModel::Message& message : model.mail().mailboxes().at(user)) {
    if (message.number != 0) own.push_back(message.number);
  }
  if (!own.empty() && !Chance(5)) return absl::StrCat(Any(own));
  return Chance(50) ? Draft(user, model) : "99999999999999";
}

Command CommandMaker::OnMail(size_t dice, const std::string& user, const Model& model) {
  if (dice < 14) {
    std::vector<std::string> to;
    for (size_t i = 1 + Pick(3); i > 0; --i) to.push_back(Any(options_.users));
    if (Chance(4)) to.push_back(Chance(50) ? "nobody" : "");
    if (Chance(1)) to.resize(33, to.front());
    return {"INITOFFLINEMESSAGE", {absl::StrJoin(to, " ")}};
  }
  if (dice < 40) return {"APPENDOFFLINEMESSAGE", {Draft(user, model), Data()}};
  if (dice < 48) return {"SENDOFFLINEMESSAGE", {Draft(user, model)}};
  if (dice < 52) return {"CANCELOFFLINEMESSAGE", {Draft(user, model)}};
  if (dice < 70) {
    if (Chance(70)) return {"LISTOFFLINEMESSAGES", {}};
    // Only for known numbers can the model tell which messages came later.
    const auto& box = model.mail().mailboxes().at(user);
    const std::string after = absl::StrCat(box.empty() ? 0 : Any(box).number);
    return {"LISTOFFLINEMESSAGES", {after, absl::StrCat(Pick(4))}};
  }
  const std::string message = Message(user, model);
  if (dice < 86) {
    return {"READOFFLINEMESSAGE", {message, Chance(80) ? "0" : absl::StrCat(Pick(500)), "1048576"}};
  }
  return {"DELETEOFFLINEMESSAGE", {message}};
}

Command CommandMaker::OnMetadata(size_t dice) {
  const std::string key = Chance(5) ? "bad\x01key" : absl::StrCat("key", Pick(5));
  const std::string whose = Chance(5) ? "No Body" : Any(options_.users);
  if (dice < 45) return {"SETMETADATA", {key, Chance(3) ? std::string(32769, 'v') : Bytes(2000)}};
  if (dice < 75) return {"GETMETADATA", {Chance(3) ? "nobody" : whose, key}};
  if (dice < 88) return {"LISTMETADATA", {Chance(10) ? "nobody" : whose}};
  return {"DELETEMETADATA", {key}};
}

std::string CommandMaker::BadPath() {
  static const auto& paths = *new std::vector<std::string>{"",
                                                           "a",
                                                           "//",
                                                           "/a/",
                                                           "/a//b",
                                                           "/../etc/passwd",
                                                           "/a/./b",
                                                           "/a/..",
                                                           "/a\tb",
                                                           "/\x7f",
                                                           "/\xc2\x85",
                                                           "/\xff",
                                                           "/\xc0\xaf",
                                                           "/\xed\xa0\x80",
                                                           "/\xf4\x90\x80\x80",
                                                           "/\xe6\x97",
                                                           std::string("/a\0b", 4)};
  const size_t dice = Pick(paths.size() + 3);
  if (dice < paths.size()) return paths[dice];
  if (dice == paths.size()) return "/" + std::string(256, 'x');
  std::string path;
  const bool deep = dice == paths.size() + 1;
  for (int i = 0; i < (deep ? 65 : 20); ++i)
    absl::StrAppend(&path, "/", std::string(deep ? 1 : 250, 'y'));
  return path;
}

Command CommandMaker::Wrong(const Model& model) {
  const std::string path = Path(model);
  static const auto& numbers = *new std::vector<std::string>{
      "-1", "", "x", "1.5", "+1", "0x10", " 1", "18446744073709551616", "99999999999999999999999"};
  switch (Pick(12)) {
    case 9:
      return {"READFILE", {path, "0", "10", Chance(60) ? "18446744073709551615" : Any(numbers)}};
    case 10:
      if (Chance(50)) return {"CREATEFILE", {path, Chance(50) ? "Part" : ""}};
      return {"MOVE", {path, path, Chance(50) ? "recursive" : ""}};
    case 0:
      return {"WRITEFILE", {path, Any(numbers), "data"}};
    case 1:
      return {"READFILE", {path, "0", Chance(50) ? Any(numbers) : "1048577"}};
    case 2:
      return {"READFILE", {path, "18446744073709551615", "1"}};
    case 3:
      return {"TRUNCATEFILE", {path, Chance(50) ? Any(numbers) : "18446744073709551615"}};
    case 4:
      return {Chance(50) ? "CREATEFILE" : "CREATEFOLDER", {BadPath()}};
    case 5:
      return {"MOVE", {Chance(50) ? BadPath() : path, BadPath()}};
    case 6:
      return {Chance(50) ? "WRITEFILE" : "SETPERMISSIONS", {path}};
    case 7:
      return {Chance(50) ? "FROBNICATE" : "STOREFILE", {path, "0"}};
    case 8:
      return {"LISTFOLDER", {path, "x", Chance(50) ? "1001" : Any(numbers)}};
    default:
      return {"DELETEFOLDER", {path, Chance(50) ? "Recursive" : ""}};
  }
}

Command CommandMaker::Make(const std::string& user, const Model& model) {
  user_ = user;
  const size_t room = Pick(100);
  const size_t dice = Pick(100);
  if (room < 45) return OnFiles(dice, model);
  if (room < 72) return OnFolders(dice, model);
  if (room < 86) return OnMail(dice, user, model);
  if (room < 93) return OnMetadata(dice);
  return Wrong(model);
}

}  // namespace convergia::testing
