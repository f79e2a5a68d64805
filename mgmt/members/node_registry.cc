#include "mgmt/members/node_registry.h"

#include <sodium.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"
#include "common/identity/join_token.h"
#include "mgmt/members/data_server_rules.h"
#include "mgmt_records.pb.h"

namespace convergia::mgmt {
namespace {

constexpr absl::string_view kMemberPrefix = "member/";
constexpr absl::string_view kTokenPrefix = "token/";
constexpr absl::string_view kCounterKey = "counter/node";
constexpr size_t kSecretBytes = 24;

std::string MemberKey(Role role, absl::string_view name) {
  return absl::StrCat(kMemberPrefix, RoleWord(role), "/", name);
}

std::string TokenKey(absl::string_view secret) {
  std::string hash(crypto_hash_sha256_BYTES, '\0');
  crypto_hash_sha256(reinterpret_cast<unsigned char*>(hash.data()),
                     reinterpret_cast<const unsigned char*>(secret.data()), secret.size());
  return absl::StrCat(kTokenPrefix, absl::BytesToHexString(hash));
}

absl::Status Damaged(absl::string_view key) {
  return absl::DataLossError(absl::StrCat("the record ", key, " cannot be read"));
}

std::string Encode(const Member& member) {
  records::Member record;
  record.set_node_id(member.node);
  record.set_enrolled_ms(absl::ToUnixMillis(member.enrolled));
  record.set_revoked(member.revoked);
  record.set_drain(member.drain);
  record.set_drain_seconds(static_cast<uint32_t>(absl::ToInt64Seconds(member.drain_within)));
  for (const Member::Key& key : member.keys) {
    records::Key* to = record.add_keys();
    to->set_pin(key.pin);
    to->set_expires_ms(absl::ToUnixMillis(key.expires));
  }
  if (member.role == Role::kDataserver) {
    record.set_configuration(member.configuration.SerializeAsString());
  }
  return record.SerializeAsString();
}

absl::StatusOr<Member> Decode(const store::KeyValue& row) {
  const std::vector<std::string> parts =
      absl::StrSplit(absl::string_view(row.key).substr(kMemberPrefix.size()), '/');
  records::Member record;
  if (parts.size() != 2 || !RoleFromWord(parts[0]) || !record.ParseFromString(row.value)) {
    return Damaged(row.key);
  }
  Member member{.role = *RoleFromWord(parts[0]),
                .name = parts[1],
                .node = record.node_id(),
                .enrolled = absl::FromUnixMillis(record.enrolled_ms()),
                .revoked = record.revoked()};
  member.drain = record.drain();
  member.drain_within = absl::Seconds(record.drain_seconds());
  for (const records::Key& key : record.keys()) {
    member.keys.push_back({key.pin(), absl::FromUnixMillis(key.expires_ms())});
  }
  if (member.role != Role::kDataserver) return member;
  member.configuration = DefaultConfiguration();
  if (!record.configuration().empty() &&
      !member.configuration.ParseFromString(record.configuration())) {
    return Damaged(row.key);
  }
  return member;
}

// Makes the key of `facts` the last one of the member.
void TakeKey(const identity::CertificateFacts& facts, Member* member) {
  auto& keys = member->keys;
  keys.erase(std::remove_if(keys.begin(), keys.end(),
                            [&](const Member::Key& key) { return key.pin == facts.pin; }),
             keys.end());
  keys.push_back({facts.pin, facts.not_after});
  if (keys.size() > NodeRegistry::kKeysMax) keys.erase(keys.begin());
}

bool IsNodeRole(Role role) {
  return role == Role::kEdge || role == Role::kDatamgr || role == Role::kDataserver;
}

// A node whose answer was lost may come again for kUsedTokenKept after the token's expiry.
absl::Time GoodUntil(const records::JoinToken& token) {
  const absl::Time expires = absl::FromUnixMillis(token.expires_ms());
  return token.used_by_pin().empty() ? expires : expires + NodeRegistry::kUsedTokenKept;
}

bool HasKey(const Member& member, const identity::Pin& pin) {
  return std::any_of(member.keys.begin(), member.keys.end(),
                     [&](const Member::Key& key) { return key.pin == pin; });
}

absl::Status TokenDenied(absl::string_view what) {
  return Fail(FailCode::kDenied,
              absl::StrCat("this join token ", what, "; ask an operator for a new one"));
}

absl::Status NameTaken() {
  return Fail(FailCode::kExists,
              "a node of this name is enrolled with another key; choose another name, or have an "
              "operator remove that node");
}

absl::Status NotMgmt() {
  return Fail(FailCode::kDenied, "the management server cannot do this to itself");
}

}  // namespace

absl::StatusOr<std::unique_ptr<NodeRegistry>> NodeRegistry::Create(
    store::Store& store, const identity::CertificateAuthority& ca) {
  auto registry = std::unique_ptr<NodeRegistry>(new NodeRegistry(store, ca));
  CVG_RETURN_IF_ERROR(registry->Load());
  return registry;
}

absl::Status NodeRegistry::Load() {
  return store_.ForEach(kMemberPrefix, [&](const store::KeyValue& row) -> absl::Status {
    CVG_ASSIGN_OR_RETURN(Member member, Decode(row));
    absl::MutexLock lock(&mu_);
    const Name name = {member.role, member.name};
    members_.insert_or_assign(name, std::move(member));
    return absl::OkStatus();
  });
}

absl::Status NodeRegistry::SweepTokens(absl::Time now) {
  store::Batch batch;
  int kept = 0;
  CVG_RETURN_IF_ERROR(store_.ForEach(kTokenPrefix, [&](const store::KeyValue& row) {
    records::JoinToken token;
    const bool readable = token.ParseFromString(row.value);
    if (readable && GoodUntil(token) > now) {
      // The bound is on unexpired tokens. Expired ones that were used stay for a while.
      kept += absl::FromUnixMillis(token.expires_ms()) > now;
    } else if (batch.mutations.size() < limits::kStoreMutationsMax) {
      batch.Delete(row.key);
    }
    return absl::OkStatus();
  }));
  if (!batch.mutations.empty()) CVG_RETURN_IF_ERROR(store_.Commit(std::move(batch)).status());
  if (kept >= kTokensMax) {
    return Fail(FailCode::kBusy, "too many join tokens are waiting; let some expire");
  }
  return absl::OkStatus();
}

absl::StatusOr<NodeRegistry::NewToken> NodeRegistry::MakeToken(
    Role role, absl::string_view name, absl::Duration lifetime,
    const std::vector<std::string>& addresses, absl::Time now) {
  if (!IsNodeRole(role)) {
    return Fail(FailCode::kBadField, "a join token is for an edge, a datamgr or a dataserver");
  }
  std::string parsed_name;
  if (!name.empty()) {
    CVG_ASSIGN_OR_RETURN(parsed_name, ParseNodeName(name));
  }
  if (lifetime == absl::ZeroDuration()) lifetime = kTokenLifetimeDefault;
  if (lifetime < absl::Seconds(1) || lifetime > kTokenLifetimeMax) {
    return Fail(FailCode::kBadField, "a join token is good for 1 second to 30 days");
  }
  const std::string secret = SecureRandomHex(kSecretBytes);
  records::JoinToken record;
  record.set_role(std::string(RoleWord(role)));
  record.set_name(parsed_name);
  record.set_expires_ms(absl::ToUnixMillis(now + lifetime));
  store::Batch batch;
  batch.IfAbsent(TokenKey(secret)).Put(TokenKey(secret), record.SerializeAsString());
  CVG_RETURN_IF_ERROR(SweepTokens(now));
  CVG_RETURN_IF_ERROR(store_.Commit(std::move(batch)).status());
  return NewToken{identity::EncodeJoinToken({.secret = secret,
                                             .role = role,
                                             .ca_fingerprint = ca_.fingerprint(),
                                             .addresses = addresses}),
                  now + lifetime};
}

absl::StatusOr<std::string> NodeRegistry::Issue(Member* member, absl::string_view csr_pem,
                                                absl::Duration lifetime) const {
  absl::StatusOr<std::string> chain = ca_.Issue(csr_pem, {member->role, member->name}, lifetime);
  if (!chain.ok()) return Fail(FailCode::kBadField, chain.status().message());
  CVG_ASSIGN_OR_RETURN(const auto facts, identity::ReadCertificate(*chain));
  TakeKey(facts, member);
  return chain;
}

absl::StatusOr<NodeId> NodeRegistry::NextNode(store::Batch* batch) {
  CVG_ASSIGN_OR_RETURN(const auto row, store_.Get(kCounterKey));
  records::Counter counter;
  if (row && !counter.ParseFromString(row->value)) return Damaged(kCounterKey);
  counter.set_last(counter.last() + 1);
  batch->IfVersion(kCounterKey, row ? row->version : 0)
      .Put(kCounterKey, counter.SerializeAsString());
  return static_cast<NodeId>(counter.last());
}

absl::Status NodeRegistry::Save(const Member& member, store::Batch batch) {
  batch.Put(MemberKey(member.role, member.name), Encode(member));
  CVG_RETURN_IF_ERROR(store_.Commit(std::move(batch)).status());
  absl::MutexLock lock(&mu_);
  members_.insert_or_assign(Name(member.role, member.name), member);
  return absl::OkStatus();
}

absl::StatusOr<NodeRegistry::Admission> NodeRegistry::EnrolAgain(const std::string& used_by_pin,
                                                                 Role role, const std::string& name,
                                                                 absl::string_view csr_pem) {
  std::optional<Member> member = Find(role, name);
  // The member must have this key already: a used token admits nobody under another name.
  if (!member || member->revoked || !HasKey(*member, used_by_pin)) {
    return TokenDenied("was used already");
  }
  CVG_ASSIGN_OR_RETURN(std::string chain, Issue(&*member, csr_pem, kNodeLifetime));
  // Issue() put the key of the request last. It must be the key that used the token.
  if (member->keys.back().pin != used_by_pin) return TokenDenied("was used already");
  CVG_RETURN_IF_ERROR(Save(*member, {}));
  return Admission{member->node, std::move(chain)};
}

// The key proves that this is the same node. The token alone is not enough.
absl::StatusOr<NodeRegistry::Admission> NodeRegistry::Readmit(Member member,
                                                              absl::string_view csr_pem,
                                                              const store::KeyValue& token_row) {
  // Issue() adds the key of the request, so look for it among the keys before.
  const Member before = member;
  CVG_ASSIGN_OR_RETURN(std::string chain, Issue(&member, csr_pem, kNodeLifetime));
  const identity::Pin pin = member.keys.back().pin;
  if (!HasKey(before, pin)) return NameTaken();
  records::JoinToken token;
  if (!token.ParseFromString(token_row.value)) return Damaged(token_row.key);
  token.set_used_by_pin(pin);
  store::Batch batch;
  batch.IfVersion(token_row.key, token_row.version).Put(token_row.key, token.SerializeAsString());
  CVG_RETURN_IF_ERROR(Save(member, std::move(batch)));
  return Admission{member.node, std::move(chain)};
}

absl::StatusOr<NodeRegistry::Admission> NodeRegistry::Enrol(absl::string_view token_secret,
                                                            absl::string_view name_text,
                                                            absl::string_view csr_pem,
                                                            absl::Time now) {
  CVG_ASSIGN_OR_RETURN(const std::string name, ParseNodeName(name_text));
  CVG_ASSIGN_OR_RETURN(const auto row, store_.Get(TokenKey(token_secret)));
  records::JoinToken token;
  if (!row) return TokenDenied("is unknown or expired");
  if (!token.ParseFromString(row->value)) return Damaged(row->key);
  const std::optional<Role> role = RoleFromWord(token.role());
  if (!role) return Damaged(row->key);
  if (GoodUntil(token) <= now) return TokenDenied("has expired");
  if (!token.name().empty() && token.name() != name) {
    return TokenDenied(absl::StrCat("is for a node called ", token.name()));
  }
  if (!token.used_by_pin().empty()) return EnrolAgain(token.used_by_pin(), *role, name, csr_pem);
  if (const std::optional<Member> member = Find(*role, name);
      member && !member->revoked && token.name() == name) {
    return Readmit(*member, csr_pem, *row);
  }
  // A name belongs to one node, whatever its role: operators and users call nodes by name.
  for (const Member& member : All()) {
    if (member.role != Role::kOperator && member.name == name) {
      return NameTaken();
    }
  }
  Member member{.role = *role, .name = name, .enrolled = now};
  if (*role == Role::kDataserver) member.configuration = DefaultConfiguration();
  CVG_ASSIGN_OR_RETURN(std::string chain, Issue(&member, csr_pem, kNodeLifetime));
  token.set_used_by_pin(member.keys.back().pin);
  store::Batch batch;
  batch.IfVersion(row->key, row->version).Put(row->key, token.SerializeAsString());
  batch.IfAbsent(MemberKey(*role, name));
  CVG_ASSIGN_OR_RETURN(member.node, NextNode(&batch));
  CVG_RETURN_IF_ERROR(Save(member, std::move(batch)));
  return Admission{member.node, std::move(chain)};
}

absl::StatusOr<std::string> NodeRegistry::Renew(const identity::NodeIdentity& identity,
                                                absl::string_view csr_pem, absl::Time now) {
  std::optional<Member> member = Find(identity.role, identity.name);
  if (!member || member->revoked) {
    return Fail(FailCode::kDenied, absl::StrCat(RoleWord(identity.role), " ", identity.name,
                                                " does not belong to the cluster, or was revoked"));
  }
  const absl::Duration lifetime =
      identity.role == Role::kOperator ? kOperatorLifetime : kNodeLifetime;
  CVG_ASSIGN_OR_RETURN(std::string chain, Issue(&*member, csr_pem, lifetime));
  auto& keys = member->keys;  // Expired keys give no access, so they are dropped.
  keys.erase(std::remove_if(keys.begin(), keys.end(),
                            [&](const Member::Key& key) { return key.expires < now; }),
             keys.end());
  CVG_RETURN_IF_ERROR(Save(*member, {}));
  return chain;
}

absl::StatusOr<std::string> NodeRegistry::AddOperator(absl::string_view name_text,
                                                      absl::string_view csr_pem, absl::Time now) {
  CVG_ASSIGN_OR_RETURN(const std::string name, ParseNodeName(name_text));
  if (Find(Role::kOperator, name).has_value()) {
    return Fail(FailCode::kExists, "there is an operator of this name; choose another");
  }
  Member member{.role = Role::kOperator, .name = name, .enrolled = now};
  CVG_ASSIGN_OR_RETURN(std::string chain, Issue(&member, csr_pem, kOperatorLifetime));
  store::Batch batch;
  batch.IfAbsent(MemberKey(Role::kOperator, name));
  CVG_RETURN_IF_ERROR(Save(member, std::move(batch)));
  return chain;
}

absl::StatusOr<NodeId> NodeRegistry::AddSelf(absl::string_view name, absl::string_view chain_pem,
                                             absl::Time now) {
  CVG_ASSIGN_OR_RETURN(const auto facts, identity::ReadCertificate(chain_pem));
  Member member{.role = Role::kMgmt, .name = std::string(name), .enrolled = now};
  store::Batch batch;
  if (const auto there = Find(Role::kMgmt, name)) {
    member = *there;
    if (!member.keys.empty() && member.keys.back().pin == facts.pin &&
        member.keys.back().expires == facts.not_after) {
      return member.node;
    }
  } else {
    CVG_ASSIGN_OR_RETURN(member.node, NextNode(&batch));
  }
  TakeKey(facts, &member);
  CVG_RETURN_IF_ERROR(Save(member, std::move(batch)));
  return member.node;
}

absl::StatusOr<int> NodeRegistry::Revoke(Role role, absl::string_view name) {
  if (role == Role::kMgmt) return NotMgmt();
  std::optional<Member> member = Find(role, name);
  if (!member) {
    return Fail(FailCode::kNotFound, absl::StrCat("there is no ", RoleWord(role), " ", name));
  }
  const int count = member->revoked ? 0 : static_cast<int>(member->keys.size());
  member->revoked = true;
  CVG_RETURN_IF_ERROR(Save(*member, {}));
  return count;
}

absl::StatusOr<v1::NodeConfiguration> NodeRegistry::Configure(
    const v1::ConfigureDataServerRequest& change) {
  std::optional<Member> member = Find(Role::kDataserver, change.name());
  if (!member || member->revoked) {
    return Fail(FailCode::kNotFound, absl::StrCat("there is no dataserver ", change.name()));
  }
  CVG_ASSIGN_OR_RETURN(member->configuration,
                       ChangeConfiguration(std::move(member->configuration), change));
  CVG_RETURN_IF_ERROR(Save(*member, {}));
  return member->configuration;
}

absl::Status NodeRegistry::SetDrain(absl::string_view name, bool drain, absl::Duration within) {
  if (within > kDrainMax) {
    return Fail(FailCode::kBadField, "let clients leave within a day, or at once");
  }
  std::optional<Member> member = Find(Role::kEdge, name);
  if (!member || member->revoked) {
    return Fail(FailCode::kNotFound, absl::StrCat("there is no main server ", name));
  }
  member->drain = drain;
  member->drain_within = within > absl::ZeroDuration() ? within : kDrainDefault;
  return Save(*member, {});
}

absl::Status NodeRegistry::Remove(absl::string_view name) {
  for (const Member& member : All()) {
    if (member.role == Role::kOperator || member.name != name) continue;
    if (member.role == Role::kMgmt) return NotMgmt();
    store::Batch batch;
    batch.Delete(MemberKey(member.role, member.name));
    CVG_RETURN_IF_ERROR(store_.Commit(std::move(batch)).status());
    absl::MutexLock lock(&mu_);
    members_.erase(Name(member.role, member.name));
    return absl::OkStatus();
  }
  return Fail(FailCode::kNotFound, absl::StrCat("there is no node ", name));
}

std::optional<Member> NodeRegistry::Find(NodeId node) const {
  absl::MutexLock lock(&mu_);
  for (const auto& [name, member] : members_) {
    if (member.node == node && node != 0) return member;
  }
  return std::nullopt;
}

std::optional<Member> NodeRegistry::Find(Role role, absl::string_view name) const {
  absl::MutexLock lock(&mu_);
  const auto found = members_.find(Name(role, std::string(name)));
  if (found == members_.end()) return std::nullopt;
  return found->second;
}

std::vector<Member> NodeRegistry::All() const {
  std::vector<Member> all;
  {
    absl::MutexLock lock(&mu_);
    for (const auto& [name, member] : members_) all.push_back(member);
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Member& a, const Member& b) { return a.node < b.node; });
  return all;
}

std::vector<rpc::PinEntry> NodeRegistry::ValidPins() const {
  std::vector<rpc::PinEntry> pins;
  absl::MutexLock lock(&mu_);
  for (const auto& [name, member] : members_) {
    if (member.revoked) continue;
    for (const Member::Key& key : member.keys) {
      pins.push_back({key.pin, member.role, member.name, member.node});
    }
  }
  return pins;
}

}  // namespace convergia::mgmt
