#include "common/etcd/etcd_txns.h"

#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/status_macros.h"
#include "common/store/big_endian.h"
#include "common/store/store.h"

namespace convergia::etcd {
namespace {

namespace pb = etcdserverpb;

absl::Status Unreadable(absl::string_view what) {
  return absl::DataLossError(
      absl::StrCat("etcd's ", what, " cannot be read: is the prefix another program's?"));
}

std::string Encode(uint64_t number) {
  std::string bytes;
  store::AppendInteger<uint64_t>(number, &bytes);
  return bytes;
}

absl::StatusOr<uint64_t> DecodeNumber(absl::string_view bytes) {
  uint64_t number = 0;
  if (!store::TakeInteger(&bytes, &number) || !bytes.empty()) return Unreadable("number");
  return number;
}

std::string Encode(const store::LogPosition& position) {
  return absl::StrCat(Encode(position.sequence), position.hash);
}

absl::StatusOr<store::LogPosition> DecodePosition(absl::string_view bytes) {
  store::LogPosition position;
  if (!store::TakeInteger(&bytes, &position.sequence) ||
      !store::TakeBytes(&bytes, store::kLogHashBytes, &position.hash) || !bytes.empty()) {
    return Unreadable("head");
  }
  return position;
}

std::string EncodeLeader(const store::Campaign& campaign, Epoch epoch) {
  std::string bytes;
  store::AppendString(campaign.replica, &bytes);
  store::AppendString(campaign.address, &bytes);
  store::AppendString(campaign.candidacy, &bytes);
  store::AppendInteger<uint64_t>(epoch, &bytes);
  return bytes;
}

absl::StatusOr<store::Leader> DecodeLeader(const pb::KeyValue& row) {
  store::Leader leader;
  absl::string_view bytes = row.value();
  if (!store::TakeString(&bytes, &leader.replica) || !store::TakeString(&bytes, &leader.address) ||
      !store::TakeString(&bytes, &leader.candidacy) || !store::TakeInteger(&bytes, &leader.epoch) ||
      !bytes.empty()) {
    return Unreadable("leader");
  }
  leader.key = row.create_revision();
  return leader;
}

pb::RequestOp Get(std::string key) {
  pb::RequestOp op;
  op.mutable_request_range()->set_key(std::move(key));
  return op;
}

pb::RequestOp GetRange(const std::string& begin, const std::string& end, int64_t limit) {
  pb::RequestOp op = Get(begin);
  op.mutable_request_range()->set_range_end(end);
  op.mutable_request_range()->set_limit(limit);
  return op;
}

pb::RequestOp Put(std::string key, std::string value) {
  pb::RequestOp op;
  op.mutable_request_put()->set_key(std::move(key));
  op.mutable_request_put()->set_value(std::move(value));
  return op;
}

pb::RequestOp Delete(std::string begin, std::string end) {
  pb::RequestOp op;
  op.mutable_request_delete_range()->set_key(std::move(begin));
  op.mutable_request_delete_range()->set_range_end(std::move(end));
  return op;
}

// The rows that the operation `index` of a transaction gave.
absl::StatusOr<const pb::RangeResponse*> RowsOf(const pb::TxnResponse& response, int index) {
  if (index >= response.responses_size() || !response.responses(index).has_response_range()) {
    return Unreadable("answer");
  }
  return &response.responses(index).response_range();
}

// The only row of it, if there is one.
absl::StatusOr<const pb::KeyValue*> RowOf(const pb::TxnResponse& response, int index) {
  CVG_ASSIGN_OR_RETURN(const pb::RangeResponse* const rows, RowsOf(response, index));
  return rows->kvs_size() == 0 ? nullptr : &rows->kvs(0);
}

absl::StatusOr<std::optional<store::Leader>> LeaderIn(const pb::TxnResponse& response, int index) {
  CVG_ASSIGN_OR_RETURN(const pb::KeyValue* const row, RowOf(response, index));
  if (row == nullptr) return std::nullopt;
  CVG_ASSIGN_OR_RETURN(store::Leader leader, DecodeLeader(*row));
  return leader;
}

absl::StatusOr<store::LogPosition> HeadIn(const pb::TxnResponse& response, int index) {
  CVG_ASSIGN_OR_RETURN(const pb::KeyValue* const row, RowOf(response, index));
  if (row == nullptr) return Unreadable("head");
  return DecodePosition(row->value());
}

}  // namespace

std::string EtcdTxns::Key(absl::string_view name) const { return absl::StrCat(prefix_, name); }

std::string EtcdTxns::EntryKey(store::Sequence sequence) const {
  return absl::StrCat(prefix_, "l/", absl::Hex(sequence, absl::kZeroPad16));
}

absl::StatusOr<store::Sequence> EtcdTxns::SequenceOf(absl::string_view key) const {
  uint64_t sequence = 0;
  if (!absl::ConsumePrefix(&key, Key("l/")) || !absl::SimpleHexAtoi(key, &sequence)) {
    return Unreadable("key of an entry");
  }
  return sequence;
}

pb::Compare EtcdTxns::IsLeader(uint64_t key) const {
  pb::Compare compare;
  compare.set_target(pb::Compare::CREATE);
  compare.set_key(Key("leader"));
  compare.set_create_revision(static_cast<int64_t>(key));
  return compare;
}

pb::TxnRequest EtcdTxns::MakeTxn(absl::string_view id) const {
  pb::TxnRequest txn;
  pb::Compare* const is_absent = txn.add_compare();
  is_absent->set_target(pb::Compare::CREATE);
  is_absent->set_key(Key("id"));
  is_absent->set_create_revision(0);
  *txn.add_success() = Put(Key("id"), std::string(id));
  *txn.add_success() = Put(Key("epoch"), Encode(uint64_t{0}));
  *txn.add_success() = Put(Key("head"), Encode(store::LogPosition()));
  return txn;
}

pb::TxnRequest EtcdTxns::StateTxn() const {
  pb::TxnRequest txn;
  *txn.add_success() = Get(Key("id"));
  *txn.add_success() = Get(Key("epoch"));
  *txn.add_success() = Get(Key("leader"));
  *txn.add_success() = Get(Key("head"));
  *txn.add_success() = GetRange(Key("l/"), store::PrefixEnd(Key("l/")), 1);
  txn.mutable_success(4)->mutable_request_range()->set_keys_only(true);
  *txn.add_success() = GetRange(Key("r/"), store::PrefixEnd(Key("r/")), 0);
  return txn;
}

absl::StatusOr<store::LogState> EtcdTxns::ReadState(const pb::TxnResponse& response) const {
  store::LogState state;
  CVG_ASSIGN_OR_RETURN(const pb::KeyValue* const id, RowOf(response, 0));
  if (id == nullptr || id->value().size() != store::kLogIdBytes) return Unreadable("log");
  state.id = id->value();
  CVG_ASSIGN_OR_RETURN(const pb::KeyValue* const epoch, RowOf(response, 1));
  if (epoch == nullptr) return Unreadable("epoch");
  CVG_ASSIGN_OR_RETURN(state.epoch, DecodeNumber(epoch->value()));
  CVG_ASSIGN_OR_RETURN(state.leader, LeaderIn(response, 2));
  CVG_ASSIGN_OR_RETURN(state.head, HeadIn(response, 3));
  CVG_ASSIGN_OR_RETURN(const pb::KeyValue* const oldest, RowOf(response, 4));
  state.first = state.head.sequence + 1;
  if (oldest != nullptr) {
    CVG_ASSIGN_OR_RETURN(state.first, SequenceOf(oldest->key()));
  }
  CVG_ASSIGN_OR_RETURN(const pb::RangeResponse* const flushed, RowsOf(response, 5));
  for (const pb::KeyValue& row : flushed->kvs()) {
    CVG_ASSIGN_OR_RETURN(const store::Sequence through, DecodeNumber(row.value()));
    state.flushed[std::string(absl::StripPrefix(row.key(), Key("r/")))] = through;
  }
  return state;
}

pb::TxnRequest EtcdTxns::AppendTxn(const store::AppendRequest& request) const {
  pb::TxnRequest txn;
  *txn.add_compare() = IsLeader(request.leader_key);
  pb::Compare* const head = txn.add_compare();
  head->set_target(pb::Compare::VALUE);
  head->set_key(Key("head"));
  head->set_value(Encode(request.before));
  const std::string key = EntryKey(request.entry.sequence);
  *txn.add_success() = Put(key, request.entry.bytes);
  *txn.add_success() = Put(Key("head"), Encode(request.after));
  *txn.add_failure() = Get(Key("leader"));
  *txn.add_failure() = Get(Key("head"));
  *txn.add_failure() = Get(key);
  return txn;
}

absl::StatusOr<store::AppendAnswer> EtcdTxns::ReadAppend(uint64_t leader_key,
                                                         const pb::TxnResponse& response) const {
  store::AppendAnswer answer;
  if (response.succeeded()) {
    answer.kind = store::AppendAnswer::Kind::kAppended;
    return answer;
  }
  answer.kind = store::AppendAnswer::Kind::kRefused;
  CVG_ASSIGN_OR_RETURN(const std::optional<store::Leader> leader, LeaderIn(response, 0));
  answer.leads = leader.has_value() && leader->key == leader_key;
  CVG_ASSIGN_OR_RETURN(answer.head, HeadIn(response, 1));
  CVG_ASSIGN_OR_RETURN(const pb::KeyValue* const entry, RowOf(response, 2));
  if (entry != nullptr) answer.entry = entry->value();
  return answer;
}

pb::TxnRequest EtcdTxns::ReadTxn(store::Sequence from, int64_t limit) const {
  pb::TxnRequest txn;
  *txn.add_success() = GetRange(EntryKey(from), store::PrefixEnd(Key("l/")), limit);
  *txn.add_success() = Get(Key("head"));
  return txn;
}

absl::StatusOr<std::vector<store::LogEntry>> EtcdTxns::ReadEntries(
    store::Sequence from, const pb::TxnResponse& response) const {
  CVG_ASSIGN_OR_RETURN(const pb::RangeResponse* const rows, RowsOf(response, 0));
  CVG_ASSIGN_OR_RETURN(const store::LogPosition head, HeadIn(response, 1));
  std::vector<store::LogEntry> entries;
  for (const pb::KeyValue& row : rows->kvs()) {
    CVG_ASSIGN_OR_RETURN(const store::Sequence sequence, SequenceOf(row.key()));
    entries.push_back({sequence, row.value()});
  }
  const bool is_there = !entries.empty() && entries.front().sequence == from;
  if (head.sequence >= from && !is_there) {
    return absl::OutOfRangeError(absl::StrCat("the log's entry ", from, " is trimmed"));
  }
  return entries;
}

pb::TxnRequest EtcdTxns::TrimTxn(store::Sequence through) const {
  pb::TxnRequest txn;
  *txn.add_success() = Delete(EntryKey(0), EntryKey(through + 1));
  return txn;
}

pb::TxnRequest EtcdTxns::FlushedTxn(absl::string_view replica, store::Sequence through) const {
  pb::TxnRequest txn;
  *txn.add_success() = Put(absl::StrCat(prefix_, "r/", replica), Encode(through));
  return txn;
}

pb::RangeRequest EtcdTxns::EpochRange() const { return Get(Key("epoch")).request_range(); }

absl::StatusOr<pb::TxnRequest> EtcdTxns::CampaignTxn(const store::Campaign& campaign, int64_t lease,
                                                     const pb::RangeResponse& epoch) const {
  if (epoch.kvs_size() != 1) return Unreadable("epoch");
  CVG_ASSIGN_OR_RETURN(const Epoch last, DecodeNumber(epoch.kvs(0).value()));
  pb::TxnRequest txn;
  *txn.add_compare() = IsLeader(0);
  pb::Compare* const is_last = txn.add_compare();
  is_last->set_target(pb::Compare::MOD);
  is_last->set_key(Key("epoch"));
  is_last->set_mod_revision(epoch.kvs(0).mod_revision());
  *txn.add_success() = Put(Key("leader"), EncodeLeader(campaign, last + 1));
  txn.mutable_success(0)->mutable_request_put()->set_lease(lease);
  *txn.add_success() = Put(Key("epoch"), Encode(last + 1));
  // Both branches end with the same reads.
  for (auto* const branch : {txn.mutable_success(), txn.mutable_failure()}) {
    *branch->Add() = Get(Key("leader"));
    *branch->Add() = Get(Key("head"));
  }
  return txn;
}

absl::StatusOr<store::CampaignAnswer> EtcdTxns::ReadCampaign(
    const store::Campaign& campaign, const pb::TxnResponse& response) const {
  const int first = response.succeeded() ? 2 : 0;
  store::CampaignAnswer answer;
  CVG_ASSIGN_OR_RETURN(const std::optional<store::Leader> leader, LeaderIn(response, first));
  if (!leader.has_value()) return answer;
  if (leader->candidacy != campaign.candidacy) {
    answer.kind = store::CampaignAnswer::Kind::kLost;
    answer.leader = leader;
    return answer;
  }
  answer.kind = store::CampaignAnswer::Kind::kWon;
  CVG_ASSIGN_OR_RETURN(const store::LogPosition head, HeadIn(response, first + 1));
  answer.term = {leader->epoch, leader->key, head};
  return answer;
}

pb::TxnRequest EtcdTxns::LeadsTxn(uint64_t key) const {
  pb::TxnRequest txn;
  *txn.add_compare() = IsLeader(key);
  return txn;
}

pb::TxnRequest EtcdTxns::ResignTxn(uint64_t key) const {
  pb::TxnRequest txn = LeadsTxn(key);
  *txn.add_success() = Delete(Key("leader"), "");
  return txn;
}

pb::WatchCreateRequest EtcdTxns::WatchAll() const {
  pb::WatchCreateRequest request;
  request.set_key(prefix_);
  request.set_range_end(store::PrefixEnd(prefix_));
  return request;
}

absl::StatusOr<store::LogNews> EtcdTxns::ReadNews(const pb::WatchResponse& response) const {
  store::LogNews news;
  news.lost = response.canceled();
  for (const pb::Event& event : response.events()) {
    if (event.type() != pb::Event::PUT) continue;
    if (event.kv().key() == Key("leader")) {
      CVG_ASSIGN_OR_RETURN(news.leader, DecodeLeader(event.kv()));
    } else if (absl::StartsWith(event.kv().key(), Key("l/"))) {
      CVG_ASSIGN_OR_RETURN(const store::Sequence sequence, SequenceOf(event.kv().key()));
      news.entries.push_back({sequence, event.kv().value()});
    }
  }
  return news;
}

}  // namespace convergia::etcd
