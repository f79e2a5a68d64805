#include "tests/sim/network/ledger.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace convergia::sim {

std::string Ledger::BodyOf(MessageNumber message) { return absl::StrCat("m", message); }

SessionNumber Ledger::OnSignIn(const std::string& user, NodeId edge) {
  sessions_.push_back({.user = user, .edge = edge});
  const SessionNumber number = sessions_.size() - 1;
  history_.Note(user, " signs in on edge ", edge, ", session ", number);
  return number;
}

void Ledger::OnSessionEnd(SessionNumber session) { sessions_.at(session).alive = false; }

MessageNumber Ledger::OnSend(SessionNumber sender, const std::string& to) {
  messages_.push_back({.sender = sender, .to = to});
  ++counts_.sent;
  const MessageNumber number = messages_.size() - 1;
  history_.Note(sessions_[sender].user, " (session ", sender, ") sends m", number, " to ", to);
  return number;
}

void Ledger::OnDelivered(SessionNumber reader, absl::string_view from, absl::string_view body) {
  MessageNumber number = 0;
  if (!absl::ConsumePrefix(&body, "m") || !absl::SimpleAtoi(body, &number) || number == 0 ||
      number >= messages_.size()) {
    return history_.Broken("session ", reader, " read what nobody wrote: ", body);
  }
  Message& message = messages_[number];
  Session& session = sessions_[reader];
  history_.Note(session.user, " (session ", reader, ") reads m", number);
  ++counts_.delivered;
  if (!session.alive) return history_.Broken("m", number, " went to a session that is gone");
  if (session.user != message.to) return history_.Broken("m", number, " went to ", session.user);
  if (sessions_[message.sender].user != from) return history_.Broken("m", number, " from ", from);
  if (std::count(message.readers.begin(), message.readers.end(), reader) > 0) {
    return history_.Broken("session ", reader, " read m", number, " twice");
  }
  if (message.answered && message.is_sure) {
    return history_.Broken("m", number, " was read after an answer that counted all readers");
  }
  CheckOrder(reader, number, message);
  message.readers.push_back(reader);
  if (on_read_) on_read_(reader, message.sender, number);
}

void Ledger::CheckOrder(SessionNumber reader, MessageNumber number, const Message& message) {
  MessageNumber& last = sessions_[reader].last_from[message.sender];
  if (number < last) {
    history_.Broken("session ", reader, " read m", number, " after m", last, " of session ",
                    message.sender);
  }
  last = number;
  if (!users_[message.to].moves_only) return;
  MessageNumber& last_read = last_read_[{message.sender, message.to}];
  // A message that was answered UNCONFIRMED may arrive late.
  if (number < last_read && !message.answered && message.readers.empty()) {
    history_.Broken(message.to, " read m", number, " after m", last_read, ", in another session");
  }
  last_read = std::max(last_read, number);
}

void Ledger::OnAnswer(MessageNumber number, uint32_t sessions, std::optional<FailCode> fail,
                      bool is_sure) {
  Message& message = messages_[number];
  history_.Note("m", number, " is answered ",
                sessions > 0 ? absl::StrCat("OK ", sessions)
                             : std::string(FailCodeWord(fail.value_or(FailCode::kOffline))));
  if (message.answered) return history_.Broken("m", number, " is answered twice");
  message.answered = true;
  message.is_sure = is_sure;
  if (sessions > 0) {
    message.ok = sessions;
  } else {
    message.fail = fail.value_or(FailCode::kOffline);
  }
  Count(message);
  const size_t readers = message.readers.size();
  if (sessions > readers) {
    history_.Broken("m", number, " is answered OK ", sessions, ", but ", readers, " have it");
  } else if (is_sure && sessions < readers) {
    history_.Broken("m", number, " is answered as if ", sessions, " had it, but ", readers, " do");
  }
}

void Ledger::Count(const Message& message) {
  if (!message.fail) {
    ++counts_.ok;
    return;
  }
  switch (*message.fail) {
    case FailCode::kOffline:
      ++counts_.offline;
      return;
    case FailCode::kBusy:
      ++counts_.busy;
      return;
    case FailCode::kUnroutable:
      ++counts_.unroutable;
      return;
    case FailCode::kUnconfirmed:
      ++counts_.unconfirmed;
      return;
    default:
      history_.Broken("an answer with ", FailCodeWord(*message.fail));
  }
}

void Ledger::CheckAllAnswered() {
  for (MessageNumber number = 1; number < messages_.size(); ++number) {
    const Message& message = messages_[number];
    if (message.answered) continue;
    ++counts_.unanswered;
    if (sessions_[message.sender].alive) history_.Broken("m", number, " was never answered");
  }
}

std::map<std::string, std::map<NodeId, int>> Ledger::Truth() const {
  std::map<std::string, std::map<NodeId, int>> truth;
  for (const auto& [user, unused] : users_) truth[user];
  for (const Session& session : sessions_) {
    if (session.alive && !session.user.empty()) ++truth[session.user][session.edge];
  }
  return truth;
}

}  // namespace convergia::sim
