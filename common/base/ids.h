#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace convergia {

// The kinds of server, as certificates and configuration spell them.
enum class Role { kMgmt, kDatamgr, kDataserver, kEdge, kOperator };

// "mgmt", "datamgr", "dataserver", "edge", "operator".
absl::string_view RoleWord(Role role);
std::optional<Role> RoleFromWord(absl::string_view word);

// A node's number in the registry of mgmt: given at enrolment, never reused, never 0.
using NodeId = uint32_t;

// An account's number: given at registration, never reused, never 0.
using AccountId = uint64_t;

// The number of times that an account's tickets were voided. A ticket is valid only in the
// generation in which it was issued.
using Generation = uint64_t;

// The number of a node's start: grows at every start.
using Epoch = uint64_t;

// A username: [a-z0-9][a-z0-9._-]{0,31}, always in lower case.
class Username {
 public:
  // Folds upper case to lower.
  //
  // Errors: FailCode::kBadField, naming the rule.
  static absl::StatusOr<Username> Parse(absl::string_view text);

  const std::string& str() const { return name_; }

  friend bool operator==(const Username&, const Username&) = default;
  friend auto operator<=>(const Username&, const Username&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const Username& user) {
    return H::combine(std::move(state), user.name_);
  }

 private:
  explicit Username(std::string name) : name_(std::move(name)) {}
  std::string name_;
};

// A node's name, chosen by its operator: the same rule as a username.
//
// Errors: FailCode::kBadField, naming the rule.
absl::StatusOr<std::string> ParseNodeName(absl::string_view text);

}  // namespace convergia
