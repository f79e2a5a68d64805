#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace convergia::testing {

// A request of the line protocol, without its ID.
struct Command {
  std::string word;
  std::vector<std::string> fields;

  std::string Packet() const;
  std::string Shown() const;  // For people: printable, and shortened.
};

// The answer to a command: "OK" or the code of its FAIL, and the data of an OK.
struct Answer {
  std::string code;
  std::string data;

  bool ok() const { return code == "OK"; }
  std::string Shown() const;
  friend bool operator==(const Answer&, const Answer&) = default;
};

inline Answer Ok(std::string data = "") { return {"OK", std::move(data)}; }
inline Answer Fails(absl::string_view code) { return {std::string(code), ""}; }

// Parses an answer as it came, but without its ID.
Answer ParseAnswer(absl::string_view packet);

// Removes from an answer what the model cannot predict: times, and the volumes of a file. In a list
// of "/" only names that begin with `prefix` stay: the others belong to other parties.
Answer Normalised(const Command& command, Answer answer, absl::string_view prefix);

// Whether `seen` may be the answer if `expected` is right. They must be equal, but a read may be
// short.
bool Agrees(const Command& command, const Answer& expected, const Answer& seen);

// Parses a whole number, 0 or more, in decimal digits.
std::optional<uint64_t> ToNumber(absl::string_view text);

}  // namespace convergia::testing
