#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/base/random.h"
#include "tests/model/core/command.h"
#include "tests/model/core/model.h"

namespace convergia::testing {

// Makes random commands. Most use existing files, folders and messages; many are wrong.
class CommandMaker {
 public:
  struct Options {
    uint64_t seed = 0;
    std::vector<std::string> users;      // The users that ask and that get messages.
    std::vector<std::string> top_names;  // Of its folders in "/".
    size_t file_bytes_max = 512 * 1024;  // Files of this size are cut, and not extended.
  };
  explicit CommandMaker(const Options& options) : options_(options), rng_(options.seed) {}

  // Makes a command of `user` for the state `model`.
  Command Make(const std::string& user, const Model& model);
  size_t Pick(size_t n) { return static_cast<size_t>(rng_() % n); }

 private:
  Command OnFolders(size_t dice, const Model& model);
  Command OnFiles(size_t dice, const Model& model);
  Command OnMail(size_t dice, const std::string& user, const Model& model);
  Command OnMetadata(size_t dice);
  Command Wrong(const Model& model);
  Command WriteTo(const std::string& path, const Model& model);

  bool Chance(size_t percent) { return Pick(100) < percent; }
  template <typename T>
  const T& Any(const std::vector<T>& of) {
    return of[Pick(of.size())];
  }
  std::string Path(const Model& model);   // Often of an existing file or folder.
  std::string Fresh(const Model& model);  // Mostly free, in an existing folder.
  std::string Existing(const Model& model, bool folder);
  std::string Who();
  std::string Draft(const std::string& user, const Model& model);
  std::string Message(const std::string& user, const Model& model);
  std::string Bytes(size_t bytes_max);
  std::string Data();
  std::string BadPath();
  size_t SizeOf(const std::string& path, const Model& model) const;

  const Options options_;
  Rng rng_;
  std::string user_;  // The user that asks now.
};

}  // namespace convergia::testing
