#include "tests/model/core/possibilities.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"

namespace convergia::testing {
namespace {

using Question = Possibilities::Question;

constexpr size_t kReadBytes = 1024 * 1024;

void AskNode(const std::string& path, const std::string& root_admin,
             std::vector<Question>* questions) {
  questions->push_back({root_admin, {"GETINFO", {path}}});
  questions->push_back({root_admin, {"READFILE", {path, "0", absl::StrCat(kReadBytes)}}});
}

void AskMail(const std::string& user, const std::vector<MailModel::Message>& box,
             std::vector<Question>* questions) {
  questions->push_back({user, {"LISTOFFLINEMESSAGES", {}}});
  for (const MailModel::Message& message : box) {
    if (message.number == 0) continue;
    questions->push_back(
        {user,
         {"READOFFLINEMESSAGE", {absl::StrCat(message.number), "0", absl::StrCat(kReadBytes)}}});
  }
}

template <typename Map>
bool Differ(const Map& a, const Map& b, const typename Map::key_type& key) {
  const auto in_a = a.find(key);
  const auto in_b = b.find(key);
  if (in_a == a.end() || in_b == b.end()) return in_a != a.end() || in_b != b.end();
  return !(in_a->second == in_b->second);
}

template <typename Map>
std::set<typename Map::key_type> DifferingKeys(const Map& a, const Map& b) {
  std::set<typename Map::key_type> keys;
  for (const auto& [key, value] : a) {
    if (Differ(a, b, key)) keys.insert(key);
  }
  for (const auto& [key, value] : b) {
    if (Differ(a, b, key)) keys.insert(key);
  }
  return keys;
}

void AskWhatDiffers(const Model& a, const Model& b, const std::string& root_admin,
                    std::vector<Question>* questions) {
  for (const std::string& path : DifferingKeys(a.folders().nodes(), b.folders().nodes())) {
    AskNode(path, root_admin, questions);
  }
  for (const uint64_t draft : DifferingKeys(a.mail().drafts(), b.mail().drafts())) {
    const auto& drafts = a.mail().drafts().contains(draft) ? a.mail().drafts() : b.mail().drafts();
    // An append of no bytes answers the draft's size and changes nothing.
    questions->push_back(
        {drafts.at(draft).from, {"APPENDOFFLINEMESSAGE", {absl::StrCat(draft), ""}}});
  }
  for (const std::string& user : DifferingKeys(a.mail().mailboxes(), b.mail().mailboxes())) {
    AskMail(user, a.mail().mailboxes().at(user), questions);
  }
  for (const std::string& user : DifferingKeys(a.metadata(), b.metadata())) {
    for (const std::string& key : DifferingKeys(a.metadata().at(user), b.metadata().at(user))) {
      questions->push_back({user, {"GETMETADATA", {user, key}}});
    }
  }
}

}  // namespace

std::string Possibilities::Check(const std::string& user, const Command& command,
                                 const Answer& seen) {
  std::vector<Model> kept;
  std::string expected;
  for (Model& model : models_) {
    const Answer answer = model.Do(user, command, &seen);
    if (Agrees(command, answer, seen)) {
      kept.push_back(std::move(model));
    } else {
      absl::StrAppend(&expected, expected.empty() ? "" : ", or ", answer.Shown());
    }
  }
  if (kept.empty()) return expected.empty() ? "nothing" : expected;
  models_ = std::move(kept);
  DropDoubles();
  return "";
}

void Possibilities::MayHaveBeenDone(const std::string& user, const Command& command) {
  // A draft with an unknown number already counts as a draft that may exist.
  const bool is_init = command.word == "INITOFFLINEMESSAGE";
  std::vector<Model> done = models_;
  for (Model& model : done) (void)model.Do(user, command, nullptr);
  if (is_init) models_.clear();
  for (Model& model : done) models_.push_back(std::move(model));
  DropDoubles();
}

void Possibilities::DropDoubles() {
  for (size_t i = 0; i < models_.size(); ++i) {
    for (size_t j = models_.size() - 1; j > i; --j) {
      if (models_[i] == models_[j]) models_.erase(models_.begin() + static_cast<ptrdiff_t>(j));
    }
  }
}

std::vector<Question> Possibilities::Questions(const std::string& root_admin) const {
  std::vector<Question> questions;
  std::set<std::string> known;
  for (size_t i = 1; i < models_.size(); ++i) {
    std::vector<Question> more;
    AskWhatDiffers(models_[0], models_[i], root_admin, &more);
    for (Question& question : more) {
      if (known.insert(question.user + " " + question.command.Packet()).second) {
        questions.push_back(std::move(question));
      }
    }
  }
  return questions;
}

std::vector<Question> EveryQuestion(const Model& model, const std::string& root_admin,
                                    const std::vector<std::string>& users) {
  std::vector<Question> questions;
  for (const auto& [path, node] : model.folders().nodes()) {
    if (node.is_folder) questions.push_back({root_admin, {"LISTFOLDER", {path}}});
    if (path != "/") AskNode(path, root_admin, &questions);
  }
  for (const std::string& user : users) {
    AskMail(user, model.mail().mailboxes().at(user), &questions);
    questions.push_back({root_admin, {"LISTMETADATA", {user}}});
    for (const auto& [key, value] : model.metadata().at(user)) {
      questions.push_back({root_admin, {"GETMETADATA", {user, key}}});
    }
  }
  return questions;
}

}  // namespace convergia::testing
