#pragma once

#include <array>
#include <streambuf>

#include "absl/status/status.h"

namespace convergia::client {

// The buffer of std::cout while it exists. It keeps every error of standard output, for example of
// a full disk, also at the end. A pipe without a reader ends the program, as it ends cat. At most
// one exists; used by one thread.
class Output final : public std::streambuf {
 public:
  Output();
  ~Output() override;
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // Writes the buffer and closes standard output. Returns the first error of all writes.
  absl::Status Close();

  // The first error of the Output that exists; OK if there is none.
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
