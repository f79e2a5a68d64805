#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace convergia::testing {

// A request of the line protocol, without its id.
struct Command {
  std::string word;
  std::vector<std::string> fields;

  std::string Packet() const;
  std::string Shown() const;  // For people: printable, and cut.
};

// What a command is answered: "OK" or the code of its FAIL, and the data of an OK.
struct Answer {
  std::string code;
  std::string data;

  bool ok() const { return code == "OK"; }
  std::string Shown() const;
  friend bool operator==(const Answer&, const Answer&) = default;
};

inline Answer Ok(std::string data = "") { return {"OK", std::move(data)}; }
inline Answer Fails(absl::string_view code) { return {std::string(code), ""}; }

// An answer as it came, without its id.
Answer ParseAnswer(absl::string_view packet);

// Without what nobody can foretell: times, and which volumes a file is on. Of "/" only the names
// that begin with `prefix`: the others are somebody else's.
Answer Normalised(const Command& command, Answer answer, absl::string_view prefix);

// Whether `seen` may be the answer where `expected` is. They are the same, but reads may be short.
bool Agrees(const Command& command, const Answer& expected, const Answer& seen);

// A whole number, 0 or more, in decimal digits.
std::optional<uint64_t> ToNumber(absl::string_view text);

}  // namespace convergia::testing
