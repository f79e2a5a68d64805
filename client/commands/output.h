#pragma once

#include <array>
#include <streambuf>

#include "absl/status/status.h"

namespace convergia::client {

// What std::cout writes through while this lives, so that no error of standard output is lost: not
// that of a full disk, and not at the end. A pipe that nobody reads any more ends the program as it
// ends others. One at a time; used by one thread.
class Output final : public std::streambuf {
 public:
  Output();
  ~Output() override;
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // Writes what waits, and closes standard output. The first error there was, ever.
  absl::Status Close();

  // The first error of the Output there is; OK where there is none.
  static absl::Status Current();

 protected:
  int_type overflow(int_type byte) override;
  int sync() override;

 private:
  std::streambuf* const before_;
  std::array<char, 64 * 1024> buffer_;
  absl::Status status_;
};

}  // namespace convergia::client
