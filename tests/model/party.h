#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/model/core/command_maker.h"
#include "tests/model/core/possibilities.h"
#include "tests/testing/line_client.h"

namespace convergia::testing {

// A group of users that share folders, mail and metadata with no other party, so the model can
// predict every answer. In each step, one user sends some commands on one session without waiting,
// and reads the answers. The party compares each with the model. Several parties may run in
// parallel, each on its own thread. Not thread-safe.
//
// failure() describes the first wrong answer, with the latest commands about the same thing.
class Party {
 public:
  struct Options {
    CommandMaker::Options commands;  // `users` are the party's.
    std::string root_admin;          // Has admin on "/"; asks the final questions.
    std::string prefix;              // The names of its folders in "/" begin with it.
    Model::Rules rules;
    // Servers may fail. Then an answer may be lost (UNCONFIRMED), or a temporary refusal that must
    // have changed nothing.
    bool failures = false;
    size_t batch_max = 8;
  };
  // The counts of what the party did.
  struct Figures {
    int64_t steps = 0;
    int64_t done = 0;  // Answered OK.
    int64_t lost = 0;  // Answered UNCONFIRMED.
    int64_t refused = 0;
    size_t possibilities_max = 0;
    absl::Duration slowest;
  };

  explicit Party(const Options& options);

  // Adds a session of `user`, which may also be the root admin.
  void AddSession(const std::string& user, std::unique_ptr<LineClient> client);

  // These functions return false if something is wrong: see failure().
  bool TakeSteps(int64_t steps);
  // Asks until one possibility is left, or until no question can tell them apart.
  bool Settle();
  // Compares the whole stored state, byte for byte.
  bool CompareAll();

  // Sends a command on every session, so that no server closes it as idle.
  void Ping();

  const std::string& failure() const { return failure_; }
  const Figures& figures() const { return figures_; }

 private:
  struct Session {
    std::string user;
    std::unique_ptr<LineClient> client;
    uint64_t last_id = 0;
  };
  struct Done {
    std::string user;
    Command command;
    std::string shown;  // The answer.
  };

  Session& SessionOf(const std::string& user);
  // Sends all commands and returns their answers, in this order. False: see failure_.
  bool AskAll(Session& session, const std::vector<Command>& commands, std::vector<Answer>* answers);
  bool Judge(const std::string& user, const Command& command, const Answer& seen);
  // Asks the questions in order, and repeats each while servers are away.
  bool AskUntilAnswered(std::deque<Possibilities::Question> questions);
  void AskForTheRest(const Answer& answer, std::deque<Possibilities::Question>* questions) const;
  void AwaitStorage();
  void Fail(const std::string& why, const Command& command);
  bool IsRefusalOfTheMoment(const Answer& answer) const;

  const Options options_;
  CommandMaker maker_;
  Possibilities possibilities_;
  std::map<std::string, std::vector<Session>> sessions_;
  std::deque<Done> lately_;
  std::string failure_;
  Figures figures_;
};

}  // namespace convergia::testing
