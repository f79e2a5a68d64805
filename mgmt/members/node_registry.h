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
#include "common/rpc/auth/pin_set.h"
#include "common/store/store.h"
#include "convergia/v1/admin.pb.h"
#include "convergia/v1/types.pb.h"

namespace convergia::mgmt {

// A node or an operator, as the store keeps it.
struct Member {
  struct Key {
    identity::Pin pin;
    absl::Time expires;  // Of the last certificate for this key.
  };
  Role role = Role::kEdge;
  std::string name;
  NodeId node = 0;  // 0 for operators.
  absl::Time enrolled;
  bool revoked = false;
  std::vector<Key> keys;                // Newest last.
  v1::NodeConfiguration configuration;  // Of data servers.
  bool drain = false;                   // Of edges: the edge takes no clients.
  absl::Duration drain_within;          // Of edges: how long present clients have to leave.
};

// The members of the cluster: nodes and operators, their keys, and the join tokens for new ones.
// Durable: OK means that the change is in the store.
//
// An enrolment uses up its join token, in the same commit. In case the answer was lost, the same
// key may enrol again with that token under the same name, until kUsedTokenKept after the token's
// expiry. A token for the name of an existing node admits that node again, as the same node, if it
// shows one of its keys. Nodes whose certificate has expired need this.
//
// Methods marked "blocks" wait for the disk. Call them one at a time: mgmt has a work queue of one
// thread for them. The others are thread-safe.
class NodeRegistry {
 public:
  static constexpr absl::Duration kNodeLifetime = absl::Hours(24 * 90);  // Of a certificate.
  static constexpr absl::Duration kOperatorLifetime = absl::Hours(24 * 365);
  static constexpr absl::Duration kTokenLifetimeDefault = absl::Hours(1);
  static constexpr absl::Duration kTokenLifetimeMax = absl::Hours(24 * 30);
  static constexpr absl::Duration kUsedTokenKept = absl::Hours(24 * 7);  // After its expiry.
  static constexpr absl::Duration kDrainDefault = absl::Seconds(60);
  static constexpr absl::Duration kDrainMax = absl::Hours(24);
  static constexpr int kKeysMax = 8;         // Of one member; a further key replaces the oldest.
  static constexpr int kTokensMax = 10'000;  // Unexpired tokens, unused or used.

  // Reads all members; blocks. Both must outlive the registry.
  //
  // Errors: those of the store; kDataLoss for a record that cannot be read.
  static absl::StatusOr<std::unique_ptr<NodeRegistry>> Create(
      store::Store& store, const identity::CertificateAuthority& ca);

  struct NewToken {
    std::string text;  // identity::EncodeJoinToken().
    absl::Time expires;
  };
  // Makes a token. An empty `name` admits a node of any name; a `lifetime` of zero means the
  // default. `addresses` are those of mgmt's line port for the node. Blocks.
  //
  // Errors: FailCode::kBadField for a role that no node has, an invalid name, or too long a
  // lifetime.
  absl::StatusOr<NewToken> MakeToken(Role role, absl::string_view name, absl::Duration lifetime,
                                     const std::vector<std::string>& addresses, absl::Time now);

  struct Admission {
    NodeId node = 0;
    std::string chain_pem;
  };
  // Admits a node with a token. Blocks. Errors: FailCode::kDenied: the token is unknown, used,
  // expired, or for another name. kExists: a node of this name has other keys. kBadField: bad name
  // or request.
  absl::StatusOr<Admission> Enrol(absl::string_view token_secret, absl::string_view name,
                                  absl::string_view csr_pem, absl::Time now);

  // Issues a certificate for an existing node or operator; returns the chain. Blocks.
  //
  // Errors: FailCode::kDenied: unknown or revoked; kBadField: bad request.
  absl::StatusOr<std::string> Renew(const identity::NodeIdentity& identity,
                                    absl::string_view csr_pem, absl::Time now);

  // Adds an operator, or mgmt itself (Role::kMgmt: if it exists, adds the key). Returns the chain.
  // Blocks.
  //
  // Errors: FailCode::kExists, kBadField.
  absl::StatusOr<std::string> AddOperator(absl::string_view name, absl::string_view csr_pem,
                                          absl::Time now);

  // Adds mgmt itself as a member, if it is missing, and the key of `chain_pem`. Blocks.
  absl::StatusOr<NodeId> AddSelf(absl::string_view name, absl::string_view chain_pem,
                                 absl::Time now);

  // Returns the number of revoked keys. Blocks. Errors: FailCode::kNotFound; kDenied for mgmt.
  absl::StatusOr<int> Revoke(Role role, absl::string_view name);

  // Configures a data server; settings that `change` does not contain stay. Returns the
  // configuration now in force. Blocks. Errors: FailCode::kNotFound; kBadField: see
  // data_server_rules.h.
  absl::StatusOr<v1::NodeConfiguration> Configure(const v1::ConfigureDataServerRequest& change);

  // Says whether an edge drains. `within` is how long present clients may stay; zero means the
  // default. Blocks. Errors: FailCode::kNotFound; kBadField: too long.
  absl::Status SetDrain(absl::string_view edge, bool drain, absl::Duration within);

  // Removes a node. Blocks. Errors: FailCode::kNotFound; kDenied for mgmt.
  absl::Status Remove(absl::string_view name);

  std::optional<Member> Find(NodeId node) const ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<Member> Find(Role role, absl::string_view name) const ABSL_LOCKS_EXCLUDED(mu_);
  // Sorted by node id; operators, which have 0, come first.
  std::vector<Member> All() const ABSL_LOCKS_EXCLUDED(mu_);
  // The keys of all members that are not revoked.
  std::vector<rpc::PinEntry> ValidPins() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Name = std::pair<Role, std::string>;
  NodeRegistry(store::Store& store, const identity::CertificateAuthority& ca)
      : store_(store), ca_(ca) {}
  absl::Status Load();
  absl::Status SweepTokens(absl::Time now);
  // Commits `batch` with `member`, then updates members_.
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
