#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/base/fail.h"
#include "common/base/ids.h"
#include "tests/sim/history.h"

namespace convergia::sim {

using SessionNumber = uint64_t;  // Never used twice in a world.
using MessageNumber = uint64_t;

// What senders said, what they were answered, and what recipients read: every promise about
// messages is checked here, at each step. Knows nothing of how messages travel.
class Ledger {
 public:
  explicit Ledger(History* history) : history_(*history) {}

  // `moves_only`: never signed in twice at once, so all their sessions are one reader.
  void AddUser(const std::string& user, bool moves_only) { users_[user].moves_only = moves_only; }

  SessionNumber OnSignIn(const std::string& user, NodeId edge);
  // It ended, or its edge did.
  void OnSessionEnd(SessionNumber session);

  MessageNumber OnSend(SessionNumber sender, const std::string& to);

  // In the outbox of that session now. `body` as the sender wrote it.
  void OnDelivered(SessionNumber reader, absl::string_view from, absl::string_view body);

  // What the sender reads. `is_sure`: no part of the answer is UNCONFIRMED.
  void OnAnswer(MessageNumber message, uint32_t sessions, std::optional<FailCode> fail,
                bool is_sure);

  // How many sessions the sender read of; nullopt: a FAIL, or nothing yet.
  std::optional<uint32_t> OkOf(MessageNumber message) const { return messages_.at(message).ok; }

  // All that have to be answered were. To be called after quiet.
  void CheckAllAnswered();

  // Where each user really is.
  std::map<std::string, std::map<NodeId, int>> Truth() const;
  bool IsAlive(SessionNumber session) const { return sessions_.at(session).alive; }

  static std::string BodyOf(MessageNumber message);

  // Who else wants to know: of what a session reads, and of each answer.
  using OnRead = std::function<void(SessionNumber reader, SessionNumber sender, MessageNumber)>;
  void set_on_read(OnRead on_read) { on_read_ = std::move(on_read); }
  // Why the sender reads FAIL; nullopt: it does not, or there is no answer yet.
  std::optional<FailCode> FailOf(MessageNumber message) const { return messages_.at(message).fail; }
  const std::string& UserOf(SessionNumber session) const { return sessions_.at(session).user; }
  const std::string& RecipientOf(MessageNumber message) const { return messages_.at(message).to; }
  MessageNumber last_message() const { return messages_.size() - 1; }

  struct Counts {
    uint64_t sent = 0, ok = 0, offline = 0, busy = 0, unroutable = 0, unconfirmed = 0;
    uint64_t delivered = 0, unanswered = 0;
  };
  const Counts& counts() const { return counts_; }

 private:
  struct User {
    bool moves_only = false;
  };
  struct Session {
    std::string user;
    NodeId edge = 0;
    bool alive = true;
    std::map<SessionNumber, MessageNumber> last_from;  // By the sender's session.
  };
  struct Message {
    SessionNumber sender = 0;
    std::string to;
    std::vector<SessionNumber> readers;
    bool answered = false;
    bool is_sure = false;  // The answer says exactly who has it.
    std::optional<uint32_t> ok;
    std::optional<FailCode> fail;
  };

  void CheckOrder(SessionNumber reader, MessageNumber number, const Message& message);
  void Count(const Message& message);

  History& history_;
  std::map<std::string, User> users_;
  std::vector<Session> sessions_ = {Session()};  // By number; 0 is none.
  std::vector<Message> messages_ = {Message()};
  // The last message of a session to a user that any of the user's sessions has read.
  std::map<std::pair<SessionNumber, std::string>, MessageNumber> last_read_;
  Counts counts_;
  OnRead on_read_;
};

}  // namespace convergia::sim
