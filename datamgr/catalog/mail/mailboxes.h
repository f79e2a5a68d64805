#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datamgr/catalog/content/extents.h"
#include "datamgr/catalog/content/files.h"
#include "datamgr/catalog/mail/send_limiter.h"
#include "datamgr/catalog/transactions/catalog_env.h"

namespace convergia::datamgr {

// A message in a mailbox. `sent_ms` is milliseconds since 1970.
struct MailRow {
  uint64_t message = 0;
  std::string from;
  uint64_t bytes = 0;
  int64_t sent_ms = 0;
};

// A message that arrived in the mailbox of `user`, for the caller that tells this user.
struct Arrival {
  std::string user;
  MailRow mail;
};

// Each recipient costs three rows of the one commit that sends.
inline constexpr int kRecipientsMax = 32;
inline constexpr uint32_t kDraftsMax = 16;
// Keeps reading a message, and deleting it, to a few steps.
inline constexpr uint32_t kMessagePiecesMax = 1'024;

// From one sender, a mailbox takes at most 1/kMessagesPerShare of its messages and 1/kBytesPerShare
// of its bytes, but always one message.
inline constexpr uint64_t kMessagesPerShare = 10;
inline constexpr uint64_t kBytesPerShare = 4;

// Offline messages. One user writes a draft piece by piece. Sending puts it into the mailboxes of
// all recipients in one commit, or into none. The body is stored once, until every recipient has
// deleted the message. Not thread-safe.
//
// Errors of all functions that name a draft or message: kNotFound if it does not exist, belongs to
// another user, or is gone.
class Mailboxes {
 public:
  explicit Mailboxes(CatalogEnv* env)
      : env_(*env), extents_(env), limiter_(env->options.sends_per_minute) {}

  // Opens a draft to `to`, which must exist; a name given twice counts once. Returns the draft's
  // number.
  //
  // Errors: kBadField for no recipient or more than kRecipientsMax; kQuota for too many open
  // drafts.
  absl::StatusOr<uint64_t> Begin(const std::string& user, std::vector<std::string> to);

  // Whether `length` more bytes may go to the data servers. Errors: as Append().
  absl::Status AdmitAppend(const std::string& user, uint64_t draft, uint64_t length);

  // Appends `chunk`. Returns the draft's size in bytes. Errors: kQuota if the message gets too
  // large.
  absl::StatusOr<uint64_t> Append(const std::string& user, uint64_t draft,
                                  const std::optional<ChunkRef>& chunk);

  // Delivers the draft. Errors: kQuota, naming the recipient whose mailbox is full or has too much
  // from `user`; kRate.
  absl::StatusOr<std::vector<Arrival>> Send(const std::string& user, uint64_t draft);

  // Deletes the draft.
  absl::Status Cancel(const std::string& user, uint64_t draft);

  // The messages numbered above `after`, the oldest first, at most `limit`.
  absl::StatusOr<std::vector<MailRow>> List(const std::string& user, uint64_t after, int limit);

  // Plans a read of at most `length` bytes from `offset` on. Errors: those of PlanRead().
  absl::StatusOr<ReadPlan> Read(const std::string& user, uint64_t message, uint64_t offset,
                                uint64_t length);

  // Deletes the message from the mailbox of `user`, and its body with the last mailbox that has it.
  absl::Status Delete(const std::string& user, uint64_t message);

  // Deletes the oldest draft if it is past its lifetime. False: no draft is.
  absl::StatusOr<bool> ExpireOne();

 private:
  struct Open {
    records::Draft draft;
    records::Inode body;
  };
  absl::StatusOr<Open> OpenDraft(Transaction& edit, const std::string& user, uint64_t id) const;
  bool IsOver(const records::Draft& draft) const;
  // Deletes the draft's row and its count. The caller handles the body.
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
  std::string drafts_from_;  // The search for old drafts begins here; empty: at the first.
};

}  // namespace convergia::datamgr
