#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/model/core/command.h"
#include "tests/model/core/folder_model.h"

namespace convergia::testing {

// Drafts and mailboxes as docs/PROTOCOL.md specifies them. The server chooses the numbers, so the
// model takes them from the answers.
class MailModel {
 public:
  struct Limits {
    size_t drafts_max = 16;
    size_t messages_max = 1000;
    uint64_t mailbox_bytes_max = 64 * 1024 * 1024;
    uint64_t message_bytes_max = 16 * 1024 * 1024;
  };
  struct Draft {
    std::string from;
    std::set<std::string> to;
    SharedBytes bytes = std::make_shared<const std::string>();
    friend bool operator==(const Draft& a, const Draft& b);
  };
  struct Message {
    uint64_t number = 0;  // 0: no answer has shown it yet.
    std::string from;
    SharedBytes bytes;
    friend bool operator==(const Message& a, const Message& b);
  };

  MailModel(const std::set<std::string>& users, const Limits& limits);

  // `seen` is the answer; null if it was lost. In that case a draft with an unknown number may
  // exist. It counts as one of the user's drafts.
  Answer Init(const std::string& user, const std::set<std::string>& to, const Answer* seen);
  Answer Append(const std::string& user, uint64_t draft, const std::string& data);
  Answer Send(const std::string& user, uint64_t draft);
  Answer Cancel(const std::string& user, uint64_t draft);
  Answer List(const std::string& user, uint64_t after, uint64_t limit, const Answer* seen);
  Answer Read(const std::string& user, uint64_t number, uint64_t offset, uint64_t length) const;
  Answer Delete(const std::string& user, uint64_t number);

  const std::map<uint64_t, Draft>& drafts() const { return drafts_; }
  const std::map<std::string, std::vector<Message>>& mailboxes() const { return mailboxes_; }
  friend bool operator==(const MailModel& a, const MailModel& b) {
    return a.drafts_ == b.drafts_ && a.mailboxes_ == b.mailboxes_ &&
           a.lost_drafts_ == b.lost_drafts_;
  }

 private:
  Draft* Open(const std::string& user, uint64_t draft);
  bool IsFull(const std::string& user, uint64_t bytes) const;
  bool IsShareFull(const std::string& user, const std::string& from, uint64_t bytes) const;

  Limits limits_;
  std::map<uint64_t, Draft> drafts_;
  std::map<std::string, size_t> lost_drafts_;  // At most so many may exist.
  std::map<std::string, std::vector<Message>> mailboxes_;
};

}  // namespace convergia::testing
