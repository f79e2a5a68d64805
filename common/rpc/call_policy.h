#pragma once

#include <initializer_list>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/base/ids.h"

namespace convergia::rpc {

// A set of roles, and whether those without any certificate belong to it.
class Callers {
 public:
  constexpr Callers(std::initializer_list<Role> roles) {
    for (const Role role : roles) bits_ |= Bit(role);
  }
  static constexpr Callers Anyone() { return Callers(~0u); }

  constexpr bool Has(Role role) const { return (bits_ & Bit(role)) != 0; }
  constexpr bool HasStrangers() const { return (bits_ & kStranger) != 0; }

 private:
  static constexpr unsigned kStranger = 1u << 31;
  static constexpr unsigned Bit(Role role) { return 1u << static_cast<unsigned>(role); }
  explicit constexpr Callers(unsigned bits) : bits_(bits) {}

  unsigned bits_ = 0;
};

struct CallRule {
  absl::string_view method;  // "/package.Service/Method", or "/package.Service/*" for all of one.
  Callers callers;
  // The service judges callers that show a certificate of ours, so that it can say its epoch with a
  // refusal; the door lets them pass.
  bool refused_by_service = false;
};

// Which role may call which method: one table for all nodes, enforced before any service sees a
// call (credentials.h). What is not in the table is refused. Immutable, thread-safe.
class CallPolicy {
 public:
  // `rules` must outlive the policy. The first rule that matches decides.
  explicit CallPolicy(absl::Span<const CallRule> rules) : rules_(rules) {}

  // The table of this system.
  static const CallPolicy& Cluster();

  // Whether a caller of `role` (nullopt: without certificate) may call `method`.
  //
  // Errors, with a text that names the method and who may:
  //   kUnimplemented     not in the table, so no node serves it.
  //   kUnauthenticated   only with a certificate.
  //   kPermissionDenied  not in this role.
  absl::Status Judge(absl::string_view method, std::optional<Role> role) const;

  const CallRule* Find(absl::string_view method) const;
  absl::Span<const CallRule> rules() const { return rules_; }

 private:
  const absl::Span<const CallRule> rules_;
};

}  // namespace convergia::rpc
