#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/model/command_maker.h"
#include "tests/model/possibilities.h"
#include "tests/testing/line_client.h"

namespace convergia::testing {

// Some users who share folders, mail and metadata with nobody else, so that every answer of theirs
// can be foretold. They take turns: one sends some commands on one of his sessions without waiting,
// reads the answers, and all are compared with the model. Several parties may be at it at once,
// each on its own thread.
//
// What goes wrong is kept for failure(), with what was done lately to the same thing.
class Party {
 public:
  struct Options {
    CommandMaker::Options commands;  // Its `users` are the party's.
    std::string root_admin;          // Sees everything; asks when all is compared.
    std::string prefix;              // How the names of its folders in "/" begin.
    Model::Rules rules;
    // Servers may fail: answers may be lost (UNCONFIRMED) or be a refusal of the moment, which must
    // have changed nothing.
    bool failures = false;
    size_t batch_max = 8;
  };
  struct Figures {
    int64_t steps = 0;
    int64_t done = 0;  // Answered OK.
    int64_t lost = 0;  // UNCONFIRMED.
    int64_t refused = 0;
    size_t possibilities_max = 0;
    absl::Duration slowest;
  };

  explicit Party(const Options& options);

  // All sessions of `user`; also of the root admin.
  void AddSession(const std::string& user, std::unique_ptr<LineClient> client);

  // Each until done, or something is wrong. False: see failure().
  bool TakeSteps(int64_t steps);
  // Reads until only one possibility is left, or until no question can tell them apart.
  bool Settle();
  // Compares all that there is, byte for byte.
  bool CompareAll();

  // Says something on every session, so that none is closed for its silence.
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
  // Sends all and gives each one's answer, in this order. False: `failure_` says why.
  bool AskAll(Session& session, const std::vector<Command>& commands, std::vector<Answer>* answers);
  bool Judge(const std::string& user, const Command& command, const Answer& seen);
  // In order; asked again while servers are away.
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
