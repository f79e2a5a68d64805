#pragma once

#include <initializer_list>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/base/ids.h"

namespace convergia::rpc {

// A set of roles.
class Callers {
 public:
  constexpr Callers(std::initializer_list<Role> roles) {
    for (const Role role : roles) bits_ |= Bit(role);
  }
  constexpr bool Has(Role role) const { return (bits_ & Bit(role)) != 0; }

 private:
  static constexpr unsigned Bit(Role role) { return 1u << static_cast<unsigned>(role); }

  unsigned bits_ = 0;
};

struct CallRule {
  absl::string_view method;  // "/package.Service/Method", or "/package.Service/*" for all methods.
  Callers callers;
};

// Which role may call which method: one table for all nodes. The door (door.h) enforces it before
// any service sees a call. A method that is not in the table is refused. Immutable, thread-safe.
class CallPolicy {
 public:
  // `rules` must outlive the policy. The first rule that matches decides.
  explicit CallPolicy(absl::Span<const CallRule> rules) : rules_(rules) {}

  // The table of this system.
  static const CallPolicy& Cluster();

  // OK if a caller of `role` may call `method`.
  //
  // Errors, with a text that names the method:
  //   kUnimplemented     the method is not in the table, so no node serves it.
  //   kPermissionDenied  the rule does not have this role; the text names the roles that it has.
  absl::Status Judge(absl::string_view method, Role role) const;

  // The first rule that matches `method`; null if none does.
  const CallRule* Find(absl::string_view method) const;
  absl::Span<const CallRule> rules() const { return rules_; }

 private:
  const absl::Span<const CallRule> rules_;
};

}  // namespace convergia::rpc
