#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datamgr/catalog/catalog_env.h"
#include "datamgr/catalog/extents.h"
#include "datamgr/catalog/files.h"
#include "datamgr/catalog/send_limiter.h"

namespace convergia::datamgr {

struct MailRow {
  uint64_t message = 0;
  std::string from;
  uint64_t bytes = 0;
  int64_t sent_ms = 0;
};

// One message in one mailbox, for who wants to tell its owner.
struct Arrival {
  std::string user;
  MailRow mail;
};

// Each recipient costs three rows of the one commit that sends.
inline constexpr int kRecipientsMax = 32;
inline constexpr uint32_t kDraftsMax = 16;
// So that a read of a message, and its end, are a few steps.
inline constexpr uint32_t kMessagePiecesMax = 1'024;

// One sender may have one of so many messages and bytes in a mailbox, and always one message.
inline constexpr uint64_t kMessagesPerShare = 10;
inline constexpr uint64_t kBytesPerShare = 4;

// Offline messages. A draft is written by one user, piece by piece; sending it puts it into all its
// recipients' mailboxes in one commit, or into none. There it stays until each has deleted it: the
// body is kept once. Not thread-safe.
//
// A draft or message that is not there, is somebody else's, or has gone, is kNotFound.
class Mailboxes {
 public:
  explicit Mailboxes(CatalogEnv* env)
      : env_(*env), extents_(env), limiter_(env->options.sends_per_minute) {}

  // `to` exist; a name that is given twice counts once. Returns the draft.
  //
  // Errors: kBadField for none or more than kRecipientsMax; kQuota for too many open drafts.
  absl::StatusOr<uint64_t> Begin(const std::string& user, std::vector<std::string> to);

  // Whether `length` more bytes may go to the data servers. Errors: as Append().
  absl::Status AdmitAppend(const std::string& user, uint64_t draft, uint64_t length);

  // Returns the draft's bytes now. Errors: kQuota if the message gets too large.
  absl::StatusOr<uint64_t> Append(const std::string& user, uint64_t draft,
                                  const std::optional<ChunkRef>& chunk);

  // Errors: kQuota, naming whose mailbox is full, or has too much of `user`; kRate.
  absl::StatusOr<std::vector<Arrival>> Send(const std::string& user, uint64_t draft);

  absl::Status Cancel(const std::string& user, uint64_t draft);

  // Messages that came after `after`, oldest first.
  absl::StatusOr<std::vector<MailRow>> List(const std::string& user, uint64_t after, int limit);

  absl::StatusOr<ReadPlan> Read(const std::string& user, uint64_t message, uint64_t offset,
                                uint64_t length);

  absl::Status Delete(const std::string& user, uint64_t message);

  // Ends one draft that is too old. False: there is none.
  absl::StatusOr<bool> ExpireOne();

 private:
  struct Open {
    records::Draft draft;
    records::Inode body;
  };
  absl::StatusOr<Open> OpenDraft(Transaction& edit, const std::string& user, uint64_t id) const;
  bool IsOver(const records::Draft& draft) const;
  // Puts the draft's row and its count away; the body is the caller's.
  absl::Status CloseDraft(Transaction& edit, uint64_t id, const records::Draft& draft);
  absl::Status Discard(uint64_t id, const records::Draft& draft);
  absl::Status Deliver(Transaction& edit, const std::string& to, const MailRow& mail,
                       uint64_t body);
  absl::Status AddToShare(Transaction& edit, const std::string& to, const MailRow& mail) const;
  absl::Status TakeFromShare(Transaction& edit, const std::string& user,
                             const records::Mail& mail) const;
  absl::Status CheckSize(const Open& draft, uint64_t length) const;

  CatalogEnv& env_;
  Extents extents_;
  SendLimiter limiter_;
  std::string drafts_from_;  // Where the search for old drafts begins; empty: at the first.
};

}  // namespace convergia::datamgr
