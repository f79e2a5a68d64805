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
#include "tests/sim/network/history.h"

namespace convergia::sim {

using SessionNumber = uint64_t;  // Never reused in a world.
using MessageNumber = uint64_t;

// Records what senders sent, what they were answered, and what recipients read. It checks every
// promise about messages at each step. It does not know how messages travel.
class Ledger {
 public:
  explicit Ledger(History* history) : history_(*history) {}

  // `moves_only`: the user has never two sessions at once, so all their sessions count as one
  // reader.
  void AddUser(const std::string& user, bool moves_only) { users_[user].moves_only = moves_only; }

  SessionNumber OnSignIn(const std::string& user, NodeId edge);
  // The session or its edge ended.
  void OnSessionEnd(SessionNumber session);

  MessageNumber OnSend(SessionNumber sender, const std::string& to);

  // The message is in the outbox of session `reader` now. `body` is as the sender wrote it.
  void OnDelivered(SessionNumber reader, absl::string_view from, absl::string_view body);

  // The answer that the sender reads. `is_sure`: no leg of the message was UNCONFIRMED.
  void OnAnswer(MessageNumber message, uint32_t sessions, std::optional<FailCode> fail,
                bool is_sure);

  // The number of sessions in the sender's OK; nullopt: a FAIL, or no answer yet.
  std::optional<uint32_t> OkOf(MessageNumber message) const { return messages_.at(message).ok; }

  // Checks that every message has its answer, except those of ended sessions. Call this after
  // quiet.
  void CheckAllAnswered();

  // The edges with the number of sessions of each user, as they really are.
  std::map<std::string, std::map<NodeId, int>> Truth() const;
  bool IsAlive(SessionNumber session) const { return sessions_.at(session).alive; }

  static std::string BodyOf(MessageNumber message);

  // Receives every message that a session reads.
  using OnRead = std::function<void(SessionNumber reader, SessionNumber sender, MessageNumber)>;
  void set_on_read(OnRead on_read) { on_read_ = std::move(on_read); }
  // The code of the sender's FAIL; nullopt: it got OK, or no answer yet.
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
    bool is_sure = false;  // The answer says exactly which sessions have it.
    std::optional<uint32_t> ok;
    std::optional<FailCode> fail;
  };

  void CheckOrder(SessionNumber reader, MessageNumber number, const Message& message);
  void Count(const Message& message);

  History& history_;
  std::map<std::string, User> users_;
  std::vector<Session> sessions_ = {Session()};  // By number; 0 means none.
  std::vector<Message> messages_ = {Message()};
  // The last message from a session to a user that any of that user's sessions has read.
  std::map<std::pair<SessionNumber, std::string>, MessageNumber> last_read_;
  Counts counts_;
  OnRead on_read_;
};

}  // namespace convergia::sim
