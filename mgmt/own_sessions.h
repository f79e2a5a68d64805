#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "common/lineserver/session_list.h"
#include "convergia/v1/accounts.pb.h"
#include "mgmt/cluster/cluster_loop.h"

namespace convergia::mgmt {

// A user's sessions on all servers: those on mgmt's own port, and those that edges report on
// request. Thread-safe; `done` is called once, on any thread.
class OwnSessions {
 public:
  // All outlive this. `own_name` is mgmt's name as a server.
  OwnSessions(ClusterLoop& loop, lineserver::SessionList& here, std::string own_name)
      : loop_(loop), here_(here), own_name_(std::move(own_name)) {}

  using Rows = std::vector<v1::ServerSession>;
  // Lists the sessions. An edge that does not answer has one row with session 0.
  // Errors: FailCode::kBusy.
  void List(const Username& user, AccountId account,
            absl::AnyInvocable<void(absl::StatusOr<Rows>)> done);

  // Ends a session. Errors: FailCode::kNotFound: `account` has no such session. kUnavailable: the
  // server does not answer. kBusy.
  void End(AccountId account, absl::string_view server, uint64_t session,
           absl::AnyInvocable<void(absl::Status)> done);

 private:
  Rows Here(AccountId account) const;

  ClusterLoop& loop_;
  lineserver::SessionList& here_;
  const std::string own_name_;
};

}  // namespace convergia::mgmt
