#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/identity/certificate.h"
#include "common/identity/certificate_authority.h"
#include "common/rpc/pin_set.h"
#include "common/store/store.h"
#include "convergia/v1/admin.pb.h"
#include "convergia/v1/types.pb.h"

namespace convergia::mgmt {

// A node or an operator, as the store keeps it.
struct Member {
  struct Key {
    identity::Pin pin;
    absl::Time expires;  // Of the last certificate for it.
  };
  Role role = Role::kEdge;
  std::string name;
  NodeId node = 0;  // 0 for operators.
  absl::Time enrolled;
  bool revoked = false;
  std::vector<Key> keys;                // Newest last.
  v1::NodeConfiguration configuration;  // Of data servers.
  bool drain = false;                   // Of edges: takes no clients.
  absl::Duration drain_within;          // How long those who are there have to leave.
};

// Who belongs to the cluster: nodes and operators, their keys, and the tokens with which more may
// join. Durable: what is acknowledged with OK is in the store.
//
// A join token is used up by the enrolment it admits, in one commit with it. The same key may come
// again with it, under the same name, in case the answer was lost on the way; also for some days
// after the token has expired. A token that was made for the name of a node admits that node again,
// as the same node, if it shows one of its keys: for nodes whose certificate has expired.
//
// Methods marked "blocks" wait for the disk and are called one at a time: mgmt has a work queue of
// one thread for them. The others are thread-safe.
class NodeRegistry {
 public:
  static constexpr absl::Duration kNodeLifetime = absl::Hours(24 * 90);  // Of a certificate.
  static constexpr absl::Duration kOperatorLifetime = absl::Hours(24 * 365);
  static constexpr absl::Duration kTokenLifetimeDefault = absl::Hours(1);
  static constexpr absl::Duration kTokenLifetimeMax = absl::Hours(24 * 30);
  static constexpr absl::Duration kUsedTokenKept = absl::Hours(24 * 7);  // After its expiry.
  static constexpr absl::Duration kDrainDefault = absl::Seconds(60);
  static constexpr absl::Duration kDrainMax = absl::Hours(24);
  static constexpr int kKeysMax = 8;         // Of one member; then the oldest is forgotten.
  static constexpr int kTokensMax = 10'000;  // Not expired, unused or used.

  // Reads all members; blocks. Both must outlive the registry.
  //
  // Errors: those of the store; kDataLoss for a record that cannot be read.
  static absl::StatusOr<std::unique_ptr<NodeRegistry>> Create(
      store::Store& store, const identity::CertificateAuthority& ca);

  struct NewToken {
    std::string text;  // identity::EncodeJoinToken().
    absl::Time expires;
  };
  // `name` empty: for a node of any name; `lifetime` zero: the default. `addresses` is where the
  // node finds mgmt's line port. Blocks.
  //
  // Errors: FailCode::kBadField: a role that is no node's, an invalid name, too long a lifetime.
  absl::StatusOr<NewToken> MakeToken(Role role, absl::string_view name, absl::Duration lifetime,
                                     const std::vector<std::string>& addresses, absl::Time now);

  struct Admission {
    NodeId node = 0;
    std::string chain_pem;
  };
  // Blocks. Errors: FailCode::kDenied: the token is unknown, used, expired or for another name;
  // kExists: there is a node of this name with other keys; kBadField: bad name or request.
  absl::StatusOr<Admission> Enrol(absl::string_view token_secret, absl::string_view name,
                                  absl::string_view csr_pem, absl::Time now);

  // A certificate for a node or an operator that is there; returns the chain. Blocks.
  //
  // Errors: FailCode::kDenied: unknown or revoked; kBadField: bad request.
  absl::StatusOr<std::string> Renew(const identity::NodeIdentity& identity,
                                    absl::string_view csr_pem, absl::Time now);

  // A new operator, or mgmt itself (Role::kMgmt; adds the key if it is there). Returns the chain.
  // Blocks.
  //
  // Errors: FailCode::kExists, kBadField.
  absl::StatusOr<std::string> AddOperator(absl::string_view name, absl::string_view csr_pem,
                                          absl::Time now);

  // Makes the member of mgmt itself, if it is not there, and adds `chain_pem`'s key. Blocks.
  absl::StatusOr<NodeId> AddSelf(absl::string_view name, absl::string_view chain_pem,
                                 absl::Time now);

  // Returns how many keys were revoked. Blocks. Errors: FailCode::kNotFound; kDenied for mgmt.
  absl::StatusOr<int> Revoke(Role role, absl::string_view name);

  // How a data server is to be used: what `change` does not set stays. Returns what is now in
  // force. Blocks. Errors: FailCode::kNotFound; kBadField: see data_server_rules.h.
  absl::StatusOr<v1::NodeConfiguration> Configure(const v1::ConfigureDataServerRequest& change);

  // Whether an edge takes clients; `within` is how long those who are there may stay, zero: the
  // default. Blocks. Errors: FailCode::kNotFound; kBadField: too long.
  absl::Status SetDrain(absl::string_view edge, bool drain, absl::Duration within);

  // Forgets a node; blocks. Errors: FailCode::kNotFound; kDenied for mgmt.
  absl::Status Remove(absl::string_view name);

  std::optional<Member> Find(NodeId node) const ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<Member> Find(Role role, absl::string_view name) const ABSL_LOCKS_EXCLUDED(mu_);
  // Sorted by node number, operators (0) first.
  std::vector<Member> All() const ABSL_LOCKS_EXCLUDED(mu_);
  // The keys of all that are not revoked.
  std::vector<rpc::PinEntry> ValidPins() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Name = std::pair<Role, std::string>;
  NodeRegistry(store::Store& store, const identity::CertificateAuthority& ca)
      : store_(store), ca_(ca) {}
  absl::Status Load();
  absl::Status SweepTokens(absl::Time now);
  // Commits `member`, with what else is in `batch`, and remembers it.
  absl::Status Save(const Member& member, store::Batch batch) ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::string> Issue(Member* member, absl::string_view csr_pem,
                                    absl::Duration lifetime) const;
  absl::StatusOr<NodeId> NextNode(store::Batch* batch);
  absl::StatusOr<Admission> EnrolAgain(const std::string& used_by_pin, Role role,
                                       const std::string& name, absl::string_view csr_pem);
  absl::StatusOr<Admission> Readmit(Member member, absl::string_view csr_pem,
                                    const store::KeyValue& token_row);

  store::Store& store_;
  const identity::CertificateAuthority& ca_;

  mutable absl::Mutex mu_;
  std::map<Name, Member> members_ ABSL_GUARDED_BY(mu_);
};

}  // namespace convergia::mgmt
