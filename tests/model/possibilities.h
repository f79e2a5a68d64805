#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tests/model/command.h"
#include "tests/model/model.h"

namespace convergia::testing {

// All that may be stored, as far as one who asks can tell: one model, and more while it is not
// known whether commands whose answers were lost have been done. Each is all done, or not at all.
class Possibilities {
 public:
  explicit Possibilities(Model first) : models_({std::move(first)}) {}

  // That `command` was answered `seen`. Empty if some possibility agrees; the others are none then.
  // Else what they had it answered.
  std::string Check(const std::string& user, const Command& command, const Answer& seen);

  // The answer of `command` was lost.
  void MayHaveBeenDone(const std::string& user, const Command& command);

  size_t size() const { return models_.size(); }
  const std::vector<Model>& models() const { return models_; }

  // What to ask, as `root_admin` and everybody of themselves, to learn which of them it is. Of what
  // is read, the first part: whoever gets less than all asks on.
  struct Question {
    std::string user;
    Command command;
  };
  std::vector<Question> Questions(const std::string& root_admin) const;

 private:
  void DropDoubles();

  std::vector<Model> models_;
};

// All that can be asked about what `model` holds: every folder and file, and every message and key
// of `users`.
std::vector<Possibilities::Question> EveryQuestion(const Model& model,
                                                   const std::string& root_admin,
                                                   const std::vector<std::string>& users);

}  // namespace convergia::testing
