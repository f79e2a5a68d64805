#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tests/model/core/command.h"
#include "tests/model/core/model.h"

namespace convergia::testing {

// The states that the store may have, as far as a client can tell. There is one model, and more
// while the answers to some commands are lost. Each of these commands is done wholly or not at all.
class Possibilities {
 public:
  explicit Possibilities(Model first) : models_({std::move(first)}) {}

  // Reports that `command` was answered `seen`. Returns "" if a possibility agrees, and drops the
  // others. Else returns the answers that would have been right.
  std::string Check(const std::string& user, const Command& command, const Answer& seen);

  // Reports that the answer to `command` was lost.
  void MayHaveBeenDone(const std::string& user, const Command& command);

  size_t size() const { return models_.size(); }
  const std::vector<Model>& models() const { return models_; }

  // The questions that tell the possibilities apart. `root_admin` asks about files; each user asks
  // about their own mail and metadata. A read asks for the first part; if not all comes, ask for
  // the rest.
  struct Question {
    std::string user;
    Command command;
  };
  std::vector<Question> Questions(const std::string& root_admin) const;

 private:
  void DropDoubles();

  std::vector<Model> models_;
};

// Questions about everything in `model`: every folder and file, and every message and key of
// `users`.
std::vector<Possibilities::Question> EveryQuestion(const Model& model,
                                                   const std::string& root_admin,
                                                   const std::vector<std::string>& users);

}  // namespace convergia::testing
