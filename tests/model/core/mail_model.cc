#include "tests/model/core/mail_model.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace convergia::testing {
namespace {

constexpr uint64_t kReadMax = 1024 * 1024;

// The numbers in the first column of an answer to LISTOFFLINEMESSAGES.
std::vector<uint64_t> NumbersIn(const Answer* seen) {
  std::vector<uint64_t> numbers;
  if (seen == nullptr || !seen->ok() || seen->data.empty()) return numbers;
  for (const absl::string_view row : absl::StrSplit(seen->data, '\n')) {
    numbers.push_back(ToNumber(row.substr(0, row.find('\t'))).value_or(0));
  }
  return numbers;
}

template <typename Messages>
auto FindIn(Messages& messages, uint64_t number) {
  return std::find_if(messages.begin(), messages.end(),
                      [&](const auto& message) { return number != 0 && message.number == number; });
}

}  // namespace

bool operator==(const MailModel::Draft& a, const MailModel::Draft& b) {
  return a.from == b.from && a.to == b.to && *a.bytes == *b.bytes;
}

bool operator==(const MailModel::Message& a, const MailModel::Message& b) {
  return a.number == b.number && a.from == b.from && *a.bytes == *b.bytes;
}

MailModel::MailModel(const std::set<std::string>& users, const Limits& limits) : limits_(limits) {
  for (const std::string& user : users) {
    mailboxes_[user] = {};
    lost_drafts_[user] = 0;
  }
}

Answer MailModel::Init(const std::string& user, const std::set<std::string>& to,
                       const Answer* seen) {
  const size_t open =
      static_cast<size_t>(std::count_if(drafts_.begin(), drafts_.end(), [&](const auto& draft) {
        return draft.second.from == user;
      }));
  const size_t perhaps = open + lost_drafts_[user];
  if (open >= limits_.drafts_max) return Fails("QUOTA");
  if (seen == nullptr) {
    ++lost_drafts_[user];
    return Ok();
  }
  if (seen->code == "QUOTA" && perhaps >= limits_.drafts_max) return Fails("QUOTA");
  const uint64_t number = ToNumber(seen->data).value_or(0);
  if (number == 0 || drafts_.contains(number)) return Ok("a new number");
  drafts_[number] = {.from = user, .to = to};
  return Ok(seen->data);
}

MailModel::Draft* MailModel::Open(const std::string& user, uint64_t draft) {
  const auto found = drafts_.find(draft);
  return found == drafts_.end() || found->second.from != user ? nullptr : &found->second;
}

Answer MailModel::Append(const std::string& user, uint64_t draft, const std::string& data) {
  Draft* const open = Open(user, draft);
  if (open == nullptr) return Fails("NOTFOUND");
  if (data.size() > kReadMax) return Fails("BADFIELD");
  if (open->bytes->size() + data.size() > limits_.message_bytes_max) return Fails("QUOTA");
  open->bytes = std::make_shared<const std::string>(absl::StrCat(*open->bytes, data));
  return Ok(absl::StrCat(open->bytes->size()));
}

bool MailModel::IsFull(const std::string& user, uint64_t bytes) const {
  const auto box = mailboxes_.find(user);
  if (box == mailboxes_.end()) return bytes > limits_.mailbox_bytes_max;
  for (const Message& message : box->second) bytes += message.bytes->size();
  return box->second.size() + 1 > limits_.messages_max || bytes > limits_.mailbox_bytes_max;
}

bool MailModel::IsShareFull(const std::string& user, const std::string& from,
                            uint64_t bytes) const {
  const auto box = mailboxes_.find(user);
  if (box == mailboxes_.end()) return false;
  size_t messages = 1;
  for (const Message& message : box->second) {
    if (message.from != from) continue;
    ++messages;
    bytes += message.bytes->size();
  }
  return messages > 1 &&
         (messages > limits_.messages_max / 10 || bytes > limits_.mailbox_bytes_max / 4);
}

Answer MailModel::Send(const std::string& user, uint64_t draft) {
  const Draft* const open = Open(user, draft);
  if (open == nullptr) return Fails("NOTFOUND");
  for (const std::string& to : open->to) {
    if (IsFull(to, open->bytes->size())) return Fails("QUOTA");
    if (IsShareFull(to, user, open->bytes->size())) return Fails("QUOTA");
  }
  for (const std::string& to : open->to) {
    mailboxes_[to].push_back({.from = user, .bytes = open->bytes});
  }
  drafts_.erase(draft);
  return Ok();
}

Answer MailModel::Cancel(const std::string& user, uint64_t draft) {
  if (Open(user, draft) == nullptr) return Fails("NOTFOUND");
  drafts_.erase(draft);
  return Ok();
}

Answer MailModel::List(const std::string& user, uint64_t after, uint64_t limit,
                       const Answer* seen) {
  if (limit < 1 || limit > 1000) return Fails("BADFIELD");
  const std::vector<uint64_t> numbers = NumbersIn(seen);
  std::vector<std::string> rows;
  uint64_t last = after;
  for (Message& message : mailboxes_[user]) {
    const bool is_before = message.number != 0 && message.number <= after;
    if (is_before || rows.size() >= limit || after == UINT64_MAX) continue;
    // A message without a known number was sent after all messages with one.
    if (message.number == 0 && rows.size() < numbers.size() && numbers[rows.size()] > last) {
      message.number = numbers[rows.size()];
    }
    last = message.number;
    rows.push_back(absl::StrCat(message.number, "\t", message.from, "\t", message.bytes->size()));
  }
  return Ok(absl::StrJoin(rows, "\n"));
}

Answer MailModel::Read(const std::string& user, uint64_t number, uint64_t offset,
                       uint64_t length) const {
  const auto box = mailboxes_.find(user);
  if (box == mailboxes_.end()) return Fails("NOTFOUND");
  const auto message = FindIn(box->second, number);
  if (message == box->second.end()) return Fails("NOTFOUND");
  if (length > kReadMax || offset > message->bytes->size()) return Fails("BADFIELD");
  return Ok(message->bytes->substr(offset, length));
}

Answer MailModel::Delete(const std::string& user, uint64_t number) {
  std::vector<Message>& box = mailboxes_[user];
  const auto message = FindIn(box, number);
  if (message == box.end()) return Fails("NOTFOUND");
  box.erase(message);
  return Ok();
}

}  // namespace convergia::testing
