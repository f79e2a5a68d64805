#include "tests/model/party.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "tests/testing/eventually.h"

namespace convergia::testing {
namespace {

constexpr size_t kRemembered = 20'000;
constexpr size_t kToldMax = 40;
// With more possibilities than this, the party settles them first.
constexpr size_t kPossibilitiesMax = 12;
constexpr absl::Duration kStoragePatience = absl::Minutes(3);

// Whether the report about one command should show the other.
bool AreRelated(const Command& a, const Command& b) {
  if (a.fields.empty() || b.fields.empty()) return a.word == b.word;
  for (const std::string& one : a.fields) {
    for (const std::string& other : b.fields) {
      const bool is_path = absl::StartsWith(one, "/") && absl::StartsWith(other, "/");
      if (is_path && (absl::StartsWith(one, other) || absl::StartsWith(other, one))) return true;
      if (!is_path && one == other && one.size() > 1) return true;
    }
  }
  return false;
}

std::deque<Possibilities::Question> Queued(const std::vector<Possibilities::Question>& questions) {
  return {questions.begin(), questions.end()};
}

}  // namespace

Party::Party(const Options& options)
    : options_(options), maker_(options.commands), possibilities_(Model(options.rules)) {}

void Party::AddSession(const std::string& user, std::unique_ptr<LineClient> client) {
  client->set_patience(kStoragePatience);
  sessions_[user].push_back({user, std::move(client)});
}

Party::Session& Party::SessionOf(const std::string& user) {
  std::vector<Session>& sessions = sessions_.at(user);
  return sessions[maker_.Pick(sessions.size())];
}

void Party::Fail(const std::string& why, const Command& command) {
  failure_ = absl::StrCat(options_.prefix, ": ", why, "\nwhat was done to it lately:\n");
  std::deque<std::string> told;
  for (auto done = lately_.rbegin(); done != lately_.rend() && told.size() < kToldMax; ++done) {
    if (!AreRelated(done->command, command)) continue;
    told.push_front(
        absl::StrCat("  ", done->user, ": ", done->command.Shown(), " -> ", done->shown, "\n"));
  }
  for (const std::string& line : told) failure_ += line;
}

bool Party::AskAll(Session& session, const std::vector<Command>& commands,
                   std::vector<Answer>* answers) {
  const uint64_t first = session.last_id + 1;
  std::string wire;
  for (const Command& command : commands) {
    absl::StrAppend(&wire, Escape(absl::StrCat(++session.last_id, " ", command.Packet())), "\n");
  }
  const absl::Duration began = RealClock::Get().Elapsed();
  absl::Status status = session.client->Write(wire);
  answers->assign(commands.size(), Answer());
  for (size_t missing = commands.size(); status.ok() && missing > 0; --missing) {
    const auto packet = session.client->NextAnswer();
    status = packet.status();
    if (!status.ok()) break;
    const size_t space = packet->find(' ');
    const auto id = ToNumber(absl::string_view(*packet).substr(0, space));
    const bool is_mine = id.has_value() && *id >= first && *id <= session.last_id &&
                         (*answers)[*id - first].code.empty();
    if (!is_mine) status = absl::InternalError(absl::StrCat("an answer to nothing: ", *packet));
    if (is_mine) (*answers)[*id - first] = ParseAnswer(packet->substr(space + 1));
  }
  figures_.slowest = std::max(figures_.slowest, RealClock::Get().Elapsed() - began);
  std::string push;
  while (session.client->TakePush(&push)) {
  }
  if (!status.ok())
    Fail(absl::StrCat(session.user, " got no answer: ", status.ToString()), commands.front());
  return status.ok();
}

bool Party::IsRefusalOfTheMoment(const Answer& answer) const {
  static const auto& codes =
      *new std::set<std::string>{"STORAGEDOWN", "UNAVAILABLE", "BUSY", "NOSPACE", "MANAGEMENTDOWN"};
  return options_.failures && codes.contains(answer.code);
}

bool Party::Judge(const std::string& user, const Command& command, const Answer& answer) {
  const Answer seen = Normalised(command, answer, options_.prefix);
  lately_.push_back({user, command, seen.Shown()});
  if (lately_.size() > kRemembered) lately_.pop_front();
  if (seen.ok()) ++figures_.done;
  if (IsRefusalOfTheMoment(seen)) {
    ++figures_.refused;
    return true;
  }
  if (options_.failures && seen.code == "UNCONFIRMED" && Changes(command)) {
    ++figures_.lost;
    possibilities_.MayHaveBeenDone(user, command);
    figures_.possibilities_max = std::max(figures_.possibilities_max, possibilities_.size());
    return true;
  }
  const std::string expected = possibilities_.Check(user, command, seen);
  if (expected.empty()) return true;
  Fail(absl::StrCat(user, ": ", command.Shown(), " was answered ", seen.Shown(),
                    ", but should have been ", expected),
       command);
  return false;
}

bool Party::TakeSteps(int64_t steps) {
  for (int64_t taken = 0; taken < steps;) {
    if (possibilities_.size() > kPossibilitiesMax && !Settle()) return false;
    const std::vector<std::string>& users = options_.commands.users;
    const std::string& user = users[maker_.Pick(users.size())];
    std::vector<Command> commands;
    for (size_t i = 1 + maker_.Pick(options_.batch_max); i > 0; --i) {
      commands.push_back(maker_.Make(user, possibilities_.models().front()));
    }
    std::vector<Answer> answers;
    if (!AskAll(SessionOf(user), commands, &answers)) return false;
    for (size_t i = 0; i < commands.size(); ++i) {
      if (!Judge(user, commands[i], answers[i])) return false;
    }
    taken += static_cast<int64_t>(commands.size());
    figures_.steps += static_cast<int64_t>(commands.size());
    const bool is_down =
        answers.back().code == "STORAGEDOWN" || answers.back().code == "UNCONFIRMED";
    if (options_.failures && is_down) AwaitStorage();
  }
  return true;
}

void Party::AwaitStorage() {
  LineClient& client = *SessionOf(options_.root_admin).client;
  (void)Eventually(
      [&] {
        const auto answer = client.Ask("LISTFOLDER /\n\n1");
        return !answer.ok() || !absl::StartsWith(*answer, "FAIL STORAGEDOWN ");
      },
      kStoragePatience);
}

bool Party::AskUntilAnswered(std::deque<Possibilities::Question> questions) {
  for (; !questions.empty(); questions.pop_front()) {
    const Possibilities::Question& question = questions.front();
    std::vector<Answer> answers;
    bool asked = true;
    const auto ask = [&] {
      asked = AskAll(SessionOf(question.user), {question.command}, &answers);
      if (!asked) return true;
      const bool is_lost = options_.failures && answers[0].code == "UNCONFIRMED";
      return !is_lost && !IsRefusalOfTheMoment(answers[0]);
    };
    const bool answered = Eventually(ask, kStoragePatience);
    if (!asked) return false;
    if (!answered) {
      Fail(absl::StrCat(question.command.Shown(), " is still answered ", answers[0].Shown()),
           question.command);
      return false;
    }
    if (!Judge(question.user, question.command, answers[0])) return false;
    AskForTheRest(answers[0], &questions);
  }
  return true;
}

// A read may return only a part; ask for the rest.
void Party::AskForTheRest(const Answer& answer,
                          std::deque<Possibilities::Question>* questions) const {
  Possibilities::Question rest = questions->front();
  const bool is_read = rest.command.word == "READFILE" || rest.command.word == "READOFFLINEMESSAGE";
  if (!is_read || !answer.ok() || answer.data.empty()) return;
  const uint64_t offset = *ToNumber(rest.command.fields[1]) + answer.data.size();
  rest.command.fields[1] = absl::StrCat(offset);
  questions->push_back(std::move(rest));
}

bool Party::Settle() {
  // Two rounds: the numbers of messages found in the first make them comparable.
  for (int round = 0; round < 2 && possibilities_.size() > 1; ++round) {
    if (!AskUntilAnswered(Queued(possibilities_.Questions(options_.root_admin)))) return false;
  }
  return true;
}

void Party::Ping() {
  for (auto& [user, sessions] : sessions_) {
    for (Session& session : sessions) (void)session.client->Ask("PING");
  }
}

bool Party::CompareAll() {
  if (!Settle()) return false;
  // After this the numbers of all messages are known.
  for (const std::string& user : options_.commands.users) {
    if (!AskUntilAnswered({{user, {"LISTOFFLINEMESSAGES", {}}}})) return false;
  }
  return AskUntilAnswered(Queued(EveryQuestion(possibilities_.models().front(), options_.root_admin,
                                               options_.commands.users)));
}

}  // namespace convergia::testing
