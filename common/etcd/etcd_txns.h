#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/store/replicated/replicated_log.h"
#include "etcd_rpc.pb.h"

namespace convergia::etcd {

// A log as keys of etcd, and its calls as transactions of etcd. Below the log's prefix:
//
//   id           the log's ID
//   epoch        u64
//   head         u64 sequence, hash
//   leader       replica, address, candidacy, u64 epoch; leased. Its create revision is Leader::key
//   l/<seq>      an entry, sealed; the sequence as 16 hexadecimal digits
//   r/<replica>  u64: what that replica has flushed
//
// A core: requests out, answers in. Each Read...() reads the answer to its ...Txn().
//
// Errors of all Read...(): kDataLoss if the answer or a value is not what it should be.
class EtcdTxns {
 public:
  // `prefix` ends with a slash.
  explicit EtcdTxns(std::string prefix) : prefix_(std::move(prefix)) {}

  const std::string& prefix() const { return prefix_; }

  // Makes the log if it is not there; it succeeds then.
  etcdserverpb::TxnRequest MakeTxn(absl::string_view id) const;

  etcdserverpb::TxnRequest StateTxn() const;
  // `bytes` is not in the answer.
  absl::StatusOr<store::LogState> ReadState(const etcdserverpb::TxnResponse& response) const;

  etcdserverpb::TxnRequest AppendTxn(const store::AppendRequest& request) const;
  absl::StatusOr<store::AppendAnswer> ReadAppend(uint64_t leader_key,
                                                 const etcdserverpb::TxnResponse& response) const;

  etcdserverpb::TxnRequest ReadTxn(store::Sequence from, int64_t limit) const;
  // Errors: kOutOfRange if `from` is trimmed.
  absl::StatusOr<std::vector<store::LogEntry>> ReadEntries(
      store::Sequence from, const etcdserverpb::TxnResponse& response) const;

  etcdserverpb::TxnRequest TrimTxn(store::Sequence through) const;
  etcdserverpb::TxnRequest FlushedTxn(absl::string_view replica, store::Sequence through) const;

  etcdserverpb::RangeRequest EpochRange() const;
  // `epoch`: the answer to EpochRange(). The campaign fails if it is no longer true.
  absl::StatusOr<etcdserverpb::TxnRequest> CampaignTxn(
      const store::Campaign& campaign, int64_t lease,
      const etcdserverpb::RangeResponse& epoch) const;
  // kNoAnswer: another campaign came between, and its winner has gone; repeat.
  absl::StatusOr<store::CampaignAnswer> ReadCampaign(
      const store::Campaign& campaign, const etcdserverpb::TxnResponse& response) const;

  // Succeeds if `key` still leads; ResignTxn() ends that.
  etcdserverpb::TxnRequest LeadsTxn(uint64_t key) const;
  etcdserverpb::TxnRequest ResignTxn(uint64_t key) const;

  etcdserverpb::WatchCreateRequest WatchAll() const;
  absl::StatusOr<store::LogNews> ReadNews(const etcdserverpb::WatchResponse& response) const;

 private:
  std::string Key(absl::string_view name) const;
  std::string EntryKey(store::Sequence sequence) const;
  absl::StatusOr<store::Sequence> SequenceOf(absl::string_view key) const;
  etcdserverpb::Compare IsLeader(uint64_t key) const;

  const std::string prefix_;
};

}  // namespace convergia::etcd
