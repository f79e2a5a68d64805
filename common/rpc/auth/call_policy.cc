#include "common/rpc/auth/call_policy.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace convergia::rpc {
namespace {

constexpr Callers kNodes = {Role::kDatamgr, Role::kDataserver, Role::kEdge};
constexpr Callers kEveryRole = {Role::kMgmt, Role::kDatamgr, Role::kDataserver, Role::kEdge,
                                Role::kOperator};
constexpr Callers kEdges = {Role::kEdge};
constexpr Callers kDataServers = {Role::kDataserver};
constexpr Callers kDatamgr = {Role::kDatamgr};
constexpr Callers kOperators = {Role::kOperator};

// Every method of every node. A method that is missing here is refused to every caller.
constexpr CallRule kClusterRules[] = {
    {"/convergia.v1.Cluster/Renew", kNodes},
    {"/convergia.v1.Cluster/Attach", kNodes},
    {"/convergia.v1.Cluster/WhoLeads", kNodes},

    {"/convergia.v1.Accounts/Register", kEdges},
    {"/convergia.v1.Accounts/Confirm", kEdges},
    {"/convergia.v1.Accounts/SignIn", kEdges},
    {"/convergia.v1.Accounts/LookUp", kDatamgr},
    {"/convergia.v1.Accounts/ListSessions", kEdges},
    {"/convergia.v1.Accounts/EndSession", kEdges},
    {"/convergia.v1.Accounts/GetServerMap", kEdges},
    {"/convergia.v1.Accounts/WatchServerMap", kEdges},

    {"/convergia.v1.Relay/Link", kEdges},

    {"/convergia.v1.Chunks/Serve", kDataServers},
    {"/convergia.v1.Data/Serve", kEdges},

    {"/convergia.v1.Admin/*", kOperators},
    {"/convergia.v1.DataAdmin/*", kOperators},

    {"/grpc.health.v1.Health/*", kEveryRole},
    {"/grpc.reflection.v1.ServerReflection/*", kOperators},
    {"/grpc.reflection.v1alpha.ServerReflection/*", kOperators},
    {"/grpc.channelz.v1.Channelz/*", kOperators},
};

constexpr Role kRoles[] = {Role::kMgmt, Role::kDatamgr, Role::kDataserver, Role::kEdge,
                           Role::kOperator};

std::string RolesOf(const Callers& callers) {
  std::vector<absl::string_view> words;
  for (const Role role : kRoles) {
    if (callers.Has(role)) words.push_back(RoleWord(role));
  }
  return absl::StrJoin(words, ", ");
}

bool Matches(absl::string_view rule, absl::string_view method) {
  if (absl::EndsWith(rule, "/*")) {
    rule.remove_suffix(1);
    return method.size() > rule.size() && absl::StartsWith(method, rule);
  }
  return rule == method;
}

}  // namespace

const CallPolicy& CallPolicy::Cluster() {
  static const CallPolicy* const policy = new CallPolicy(kClusterRules);
  return *policy;
}

const CallRule* CallPolicy::Find(absl::string_view method) const {
  for (const CallRule& rule : rules_) {
    if (Matches(rule.method, method)) return &rule;
  }
  return nullptr;
}

absl::Status CallPolicy::Judge(absl::string_view method, Role role) const {
  const CallRule* const rule = Find(method);
  if (rule == nullptr) {
    return absl::UnimplementedError(absl::StrCat("no node serves ", method));
  }
  if (rule->callers.Has(role)) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat(method, " is for ", RolesOf(rule->callers),
                                                  "; this certificate is of role ",
                                                  RoleWord(role)));
}

}  // namespace convergia::rpc
