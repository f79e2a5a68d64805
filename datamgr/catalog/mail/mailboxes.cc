#include "datamgr/catalog/mail/mailboxes.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "datamgr/catalog/transactions/keys.h"

namespace convergia::datamgr {
namespace {

absl::Status NoSuchDraft() {
  return Fail(FailCode::kNotFound,
              "you have no such draft: it was sent, cancelled, or a day has passed; begin another");
}

absl::Status NoSuchMessage() {
  return Fail(FailCode::kNotFound,
              "there is no such message in your mailbox; LISTOFFLINEMESSAGES shows what there is");
}

void PutDeletion(Transaction& edit, uint64_t inode) {
  records::Chore chore;
  chore.set_kind(records::Chore::KIND_DELETE);
  edit.Put(keys::Chore(inode), chore);
}

}  // namespace

absl::StatusOr<uint64_t> Mailboxes::Begin(const std::string& user, std::vector<std::string> to) {
  std::sort(to.begin(), to.end());
  to.erase(std::unique(to.begin(), to.end()), to.end());
  if (to.empty() || to.size() > kRecipientsMax) {
    return Fail(FailCode::kBadField,
                absl::StrCat("name 1 to ", kRecipientsMax, " recipients, separated by spaces"));
  }
  CVG_ASSIGN_OR_RETURN(const uint64_t id, env_.numbers.Next());
  Transaction edit(env_.rows);
  CVG_ASSIGN_OR_RETURN(auto box, edit.GetOrEmpty<records::Mailbox>(keys::Mailbox(user)));
  if (box.drafts() >= kDraftsMax) {
    return Fail(FailCode::kQuota,
                absl::StrCat("you have ", kDraftsMax, " open drafts; send or cancel one first"));
  }
  box.set_drafts(box.drafts() + 1);
  edit.Put(keys::Mailbox(user), box);
  records::Draft draft;
  draft.set_from(user);
  draft.set_created_ms(env_.NowMs());
  for (std::string& name : to) draft.add_to(std::move(name));
  edit.Put(keys::Draft(id), draft);
  records::Inode body;
  body.set_kind(records::KIND_MESSAGE);
  body.set_owner(user);
  body.set_created_ms(draft.created_ms());
  edit.Put(keys::Inode(id), body);
  CVG_RETURN_IF_ERROR(edit.Commit());
  return id;
}

bool Mailboxes::IsOver(const records::Draft& draft) const {
  const int64_t lifetime_ms = absl::ToInt64Milliseconds(env_.options.draft_lifetime);
  return env_.NowMs() >= draft.created_ms() + lifetime_ms;
}

absl::StatusOr<Mailboxes::Open> Mailboxes::OpenDraft(Transaction& edit, const std::string& user,
                                                     uint64_t id) const {
  CVG_ASSIGN_OR_RETURN(auto draft, edit.Get<records::Draft>(keys::Draft(id)));
  if (!draft.has_value() || draft->from() != user || IsOver(*draft)) return NoSuchDraft();
  CVG_ASSIGN_OR_RETURN(auto body, edit.Get<records::Inode>(keys::Inode(id)));
  if (!body.has_value()) return absl::DataLossError("a draft without its body");
  return Open{*std::move(draft), *std::move(body)};
}

absl::Status Mailboxes::CheckSize(const Open& draft, uint64_t length) const {
  if (length > limits::kChunkBytesMax) {
    return Fail(FailCode::kBadField, absl::StrCat("at most ", limits::kChunkBytesMax,
                                                  " bytes are appended at once; do it in parts"));
  }
  if (draft.body.bytes() + length > env_.options.message_bytes_max) {
    return Fail(FailCode::kQuota,
                absl::StrCat("a message has at most ", env_.options.message_bytes_max,
                             " bytes; put it into a file, and share that"));
  }
  if (length > 0 && draft.body.pieces() >= kMessagePiecesMax) {
    return Fail(FailCode::kQuota, absl::StrCat("a message has at most ", kMessagePiecesMax,
                                               " pieces; append larger ones"));
  }
  return absl::OkStatus();
}

absl::Status Mailboxes::AdmitAppend(const std::string& user, uint64_t draft, uint64_t length) {
  Transaction edit(env_.rows);
  CVG_ASSIGN_OR_RETURN(const Open open, OpenDraft(edit, user, draft));
  return CheckSize(open, length);
}

absl::StatusOr<uint64_t> Mailboxes::Append(const std::string& user, uint64_t draft,
                                           const std::optional<ChunkRef>& chunk) {
  Transaction edit(env_.rows);
  CVG_ASSIGN_OR_RETURN(Open open, OpenDraft(edit, user, draft));
  records::Inode& body = open.body;
  if (!chunk.has_value()) return body.bytes();
  CVG_RETURN_IF_ERROR(CheckSize(open, chunk->bytes));
  const uint64_t end = body.bytes() + chunk->bytes;
  CVG_RETURN_IF_ERROR(extents_.Overwrite(edit, draft, &body, body.bytes(), end, chunk));
  body.set_bytes(end);
  body.set_pieces(body.pieces() + 1);
  edit.Put(keys::Inode(draft), body);
  CVG_RETURN_IF_ERROR(edit.Commit());
  return end;
}

absl::Status Mailboxes::AddToShare(Transaction& edit, const std::string& to,
                                   const MailRow& mail) const {
  const std::string key = keys::MailShare(to, mail.from);
  CVG_ASSIGN_OR_RETURN(auto share, edit.GetOrEmpty<records::MailShare>(key));
  share.set_messages(share.messages() + 1);
  share.set_bytes(share.bytes() + mail.bytes);
  const CatalogOptions& options = env_.options;
  const bool is_too_much = share.messages() > options.mailbox_messages_max / kMessagesPerShare ||
                           share.bytes() > options.mailbox_bytes_max / kBytesPerShare;
  if (is_too_much && share.messages() > 1) {
    return Fail(FailCode::kQuota,
                absl::StrCat("you have as much in the mailbox of ", to,
                             " as one sender may, so nobody got this; try again when ", to,
                             " has deleted some of it"));
  }
  edit.Put(key, share);
  return absl::OkStatus();
}

absl::Status Mailboxes::TakeFromShare(Transaction& edit, const std::string& user,
                                      const records::Mail& mail) const {
  if (!mail.in_share()) return absl::OkStatus();
  const std::string key = keys::MailShare(user, mail.from());
  CVG_ASSIGN_OR_RETURN(auto share, edit.GetOrEmpty<records::MailShare>(key));
  share.set_messages(share.messages() - std::min<uint64_t>(share.messages(), 1));
  share.set_bytes(share.bytes() - std::min(share.bytes(), mail.bytes()));
  if (share.messages() == 0) {
    edit.Delete(key);
  } else {
    edit.Put(key, share);
  }
  return absl::OkStatus();
}

absl::Status Mailboxes::Deliver(Transaction& edit, const std::string& to, const MailRow& mail,
                                uint64_t body) {
  CVG_ASSIGN_OR_RETURN(auto box, edit.GetOrEmpty<records::Mailbox>(keys::Mailbox(to)));
  box.set_messages(box.messages() + 1);
  box.set_bytes(box.bytes() + mail.bytes);
  if (box.messages() > env_.options.mailbox_messages_max ||
      box.bytes() > env_.options.mailbox_bytes_max) {
    return Fail(FailCode::kQuota, absl::StrCat("the mailbox of ", to,
                                               " is full, so nobody got "
                                               "this; try again when ",
                                               to, " has made room"));
  }
  CVG_RETURN_IF_ERROR(AddToShare(edit, to, mail));
  edit.Put(keys::Mailbox(to), box);
  records::Mail row;
  row.set_in_share(true);
  row.set_from(mail.from);
  row.set_bytes(mail.bytes);
  row.set_sent_ms(mail.sent_ms);
  row.set_body(body);
  edit.Put(keys::Mail(to, mail.message), row);
  return absl::OkStatus();
}

absl::Status Mailboxes::CloseDraft(Transaction& edit, uint64_t id, const records::Draft& draft) {
  edit.Delete(keys::Draft(id));
  CVG_ASSIGN_OR_RETURN(auto box, edit.GetOrEmpty<records::Mailbox>(keys::Mailbox(draft.from())));
  box.set_drafts(box.drafts() - std::min<uint32_t>(box.drafts(), 1));
  edit.Put(keys::Mailbox(draft.from()), box);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Arrival>> Mailboxes::Send(const std::string& user, uint64_t id) {
  Transaction edit(env_.rows);
  CVG_ASSIGN_OR_RETURN(Open open, OpenDraft(edit, user, id));
  CVG_RETURN_IF_ERROR(limiter_.Check(user, env_.clock.Elapsed()));
  CVG_RETURN_IF_ERROR(CloseDraft(edit, id, open.draft));
  // The number is drawn only now, so a list of everything after the last message misses none.
  CVG_ASSIGN_OR_RETURN(const uint64_t number, env_.numbers.Next());
  const MailRow mail = {number, user, open.body.bytes(), env_.NowMs()};
  std::vector<Arrival> arrivals;
  for (const std::string& to : open.draft.to()) {
    CVG_RETURN_IF_ERROR(Deliver(edit, to, mail, id));
    arrivals.push_back({to, mail});
  }
  open.body.set_links(static_cast<uint32_t>(open.draft.to_size()));
  open.body.set_modified_ms(mail.sent_ms);
  edit.Put(keys::Inode(id), open.body);
  CVG_RETURN_IF_ERROR(edit.Commit());
  limiter_.OnSent(user, env_.clock.Elapsed());
  return arrivals;
}

absl::Status Mailboxes::Discard(uint64_t id, const records::Draft& draft) {
  Transaction edit(env_.rows);
  CVG_RETURN_IF_ERROR(CloseDraft(edit, id, draft));
  PutDeletion(edit, id);
  return edit.Commit();
}

absl::Status Mailboxes::Cancel(const std::string& user, uint64_t draft) {
  Transaction edit(env_.rows);
  CVG_ASSIGN_OR_RETURN(const Open open, OpenDraft(edit, user, draft));
  return Discard(draft, open.draft);
}

absl::StatusOr<bool> Mailboxes::ExpireOne() {
  const std::string prefix = keys::AllDrafts();
  if (drafts_from_.empty()) drafts_from_ = prefix;
  CVG_ASSIGN_OR_RETURN(const store::Page page,
                       env_.rows.Scan(drafts_from_, store::PrefixEnd(prefix), 1));
  if (page.rows.empty()) return false;
  records::Draft draft;
  if (!draft.ParseFromString(page.rows.front().value)) {
    drafts_from_ = absl::StrCat(page.rows.front().key, "0");  // It must not block the others.
    return absl::DataLossError("a draft is damaged");
  }
  if (!IsOver(draft)) return false;  // Numbers grow: the first is the oldest.
  CVG_RETURN_IF_ERROR(Discard(keys::NumberAtEnd(page.rows.front().key), draft));
  return true;
}

absl::StatusOr<std::vector<MailRow>> Mailboxes::List(const std::string& user, uint64_t after,
                                                     int limit) {
  std::vector<MailRow> rows;
  if (after == UINT64_MAX) return rows;
  CVG_ASSIGN_OR_RETURN(
      const store::Page page,
      env_.rows.Scan(keys::Mail(user, after + 1), store::PrefixEnd(keys::AllMail(user)), limit));
  for (const store::KeyValue& row : page.rows) {
    records::Mail mail;
    if (!mail.ParseFromString(row.value)) return absl::DataLossError("a damaged mailbox");
    rows.push_back({keys::NumberAtEnd(row.key), mail.from(), mail.bytes(), mail.sent_ms()});
  }
  return rows;
}

absl::StatusOr<ReadPlan> Mailboxes::Read(const std::string& user, uint64_t message, uint64_t offset,
                                         uint64_t length) {
  Transaction edit(env_.rows);
  CVG_ASSIGN_OR_RETURN(const auto mail, edit.Get<records::Mail>(keys::Mail(user, message)));
  if (!mail.has_value()) return NoSuchMessage();
  CVG_ASSIGN_OR_RETURN(const auto body, edit.Get<records::Inode>(keys::Inode(mail->body())));
  if (!body.has_value()) return absl::DataLossError("a message without its body");
  return PlanRead(extents_, mail->body(), *body, offset, length);
}

absl::Status Mailboxes::Delete(const std::string& user, uint64_t message) {
  Transaction edit(env_.rows);
  CVG_ASSIGN_OR_RETURN(const auto mail, edit.Get<records::Mail>(keys::Mail(user, message)));
  if (!mail.has_value()) return NoSuchMessage();
  edit.Delete(keys::Mail(user, message));
  CVG_ASSIGN_OR_RETURN(auto box, edit.GetOrEmpty<records::Mailbox>(keys::Mailbox(user)));
  box.set_messages(box.messages() - std::min<uint64_t>(box.messages(), 1));
  box.set_bytes(box.bytes() - std::min(box.bytes(), mail->bytes()));
  edit.Put(keys::Mailbox(user), box);
  CVG_RETURN_IF_ERROR(TakeFromShare(edit, user, *mail));
  CVG_ASSIGN_OR_RETURN(auto body, edit.Get<records::Inode>(keys::Inode(mail->body())));
  if (!body.has_value()) return absl::DataLossError("a message without its body");
  body->set_links(body->links() - std::min<uint32_t>(body->links(), 1));
  edit.Put(keys::Inode(mail->body()), *body);
  if (body->links() == 0) PutDeletion(edit, mail->body());
  return edit.Commit();
}

}  // namespace convergia::datamgr
