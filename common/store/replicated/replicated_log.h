#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/ids.h"

// A short replicated log, and the election of the one replica that may append to it.
//
// The entries are what the replicas of a store apply, one after the other; the log holds those that
// some replica may still need. It is as durable as a quorum makes it, and it decides: an entry is
// there for good once the log's head is at it.
namespace convergia::store {

// The number of an entry, counted from 1 without gaps. 0 is before the first.
using Sequence = uint64_t;

inline constexpr size_t kLogHashBytes = 32;  // SHA-256.
inline constexpr size_t kLogIdBytes = 16;

// A place in the log: an entry, and the hash of its bytes. Entries name the hash of the one before
// them, so equal positions have equal histories.
struct LogPosition {
  Sequence sequence = 0;
  std::string hash = std::string(kLogHashBytes, '\0');  // Zeros before the first entry.

  friend bool operator==(const LogPosition&, const LogPosition&) = default;
};

// One entry as the log holds it: sealed, see entry_codec.h.
struct LogEntry {
  Sequence sequence = 0;
  std::string bytes;

  friend bool operator==(const LogEntry&, const LogEntry&) = default;
};

// The replica that leads, as the log names it.
struct Leader {
  std::string replica;
  std::string address;    // Where it takes requests.
  std::string candidacy;  // Of its campaign; see Campaign.
  Epoch epoch = 0;
  uint64_t key = 0;  // Grows with every election.

  friend bool operator==(const Leader&, const Leader&) = default;
};

// A won election. `head` is final: no leader before can append behind it.
struct Term {
  Epoch epoch = 0;
  uint64_t key = 0;  // Leader::key.
  LogPosition head;

  friend bool operator==(const Term&, const Term&) = default;
};

struct AppendRequest {
  uint64_t leader_key = 0;
  LogPosition before;  // The head must be here.
  LogEntry entry;
  LogPosition after;  // The head is here then.
};

// The outcome of one attempt to append. An attempt without an answer may be carried out at any
// later time, or never; but never once its leader is deposed or the head has moved.
struct AppendAnswer {
  enum class Kind { kAppended, kRefused, kNoAnswer };
  Kind kind = Kind::kNoAnswer;
  // With kRefused, as it was at that moment:
  bool leads = false;  // The leader of the request still leads.
  LogPosition head;
  std::optional<std::string> entry;  // The bytes at the entry's sequence, if the log has them.
};

struct Campaign {
  std::string replica;
  std::string address;
  // Unpredictable. A campaign may be repeated with it after no answer, and wins at most once.
  std::string candidacy;
  // For how long the win is valid without Renew(), at least, from when the campaign was sent.
  absl::Duration lease;
};

struct CampaignAnswer {
  enum class Kind { kWon, kLost, kNoAnswer };
  Kind kind = Kind::kNoAnswer;
  Term term;                     // With kWon.
  std::optional<Leader> leader;  // With kLost: who leads, if anybody does.
};

enum class RenewAnswer { kRenewed, kGone, kNoAnswer };

struct LogState {
  std::string id;  // kLogIdBytes; chosen when the log was made. Epochs and entries belong to it.
  Epoch epoch = 0;
  std::optional<Leader> leader;
  LogPosition head;
  Sequence first = 1;  // The oldest entry that is kept; one after the head if there is none.
  size_t bytes = 0;    // Of the entries that are kept.
  std::map<std::string, Sequence> flushed;  // The last report of each replica, by its name.
};

// The news that a watch brings. Entries may be missing, doubled or old: it is a hint to look.
// `lost` says that entries are surely missing.
struct LogNews {
  std::vector<LogEntry> entries;
  std::optional<Leader> leader;  // The new leader, if that has changed.
  bool lost = false;
};
using LogWatchCallback = std::function<void(LogNews)>;

// A running watch. No callback runs after the destructor, which waits for one that runs.
class LogWatch {
 public:
  virtual ~LogWatch() = default;
};

// Every call blocks for some hundred milliseconds at most. A call that has no answer takes so long
// that callers may repeat it without a pause. kUnavailable: no answer. Thread-safe.
class ReplicatedLog {
 public:
  virtual ~ReplicatedLog() = default;

  // kUnavailable: no answer.
  virtual absl::StatusOr<LogState> ReadState() = 0;

  // One attempt. The entry is appended if the leader of the request leads and the head is where the
  // request says; as one step with moving the head. See LogWriter for what follows.
  virtual AppendAnswer Append(const AppendRequest& request) = 0;

  // The entries from `from` on, without gaps, about `bytes_max` at most but one at least; none if
  // the head is before `from`.
  //
  // Errors: kOutOfRange if `from` is trimmed; kUnavailable: no answer.
  virtual absl::StatusOr<std::vector<LogEntry>> Read(Sequence from, size_t bytes_max) = 0;

  // Drops the entries up to `through`. The head's entry stays.
  virtual absl::Status Trim(Sequence through) = 0;

  // Says that the disk of `replica` holds everything up to `through`, for TrimPlan.
  virtual absl::Status ReportFlushed(const std::string& replica, Sequence through) = 0;

  // Wins if nobody leads, as one step with raising the epoch and reading the head.
  virtual CampaignAnswer TryCampaign(const Campaign& campaign) = 0;
  // Makes the lease of `term` last from now.
  virtual RenewAnswer Renew(const Term& term) = 0;
  // Ends the leadership of `key`; OK too if it has ended.
  virtual absl::Status Resign(uint64_t key) = 0;

  // Calls `callback` with what happens from here on, on a thread of the log. It must be quick and
  // must not call the log.
  virtual std::unique_ptr<LogWatch> Watch(Sequence from, LogWatchCallback callback) = 0;

  // Calls that run return soon, as without an answer, and likewise all later ones.
  virtual void Interrupt() = 0;
};

}  // namespace convergia::store
