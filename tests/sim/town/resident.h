#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client/connect/move_filter.h"
#include "tests/sim/nodes/world_parts.h"

namespace convergia::sim {

// A user with one client that follows docs/PROTOCOL.md. It signs in where mgmt says and returns
// after a loss. After USEMAINSERVER it moves there without missing a message. It checks that it
// shows its user each message once and in order.
class Resident {
 public:
  Resident(const Surroundings& around, std::string name, std::vector<std::string> friends);

  void Start() { SignIn(); }
  // Sends a message to a friend; does nothing without a session, or while it quits.
  void Talk();

  // Events from the servers. It ignores those of sessions that are not its own.
  void OnUseMainServer(SessionNumber session, NodeId to);
  void OnClosed(SessionNumber session);
  void OnRead(SessionNumber session, SessionNumber sender, MessageNumber message);

  const std::string& name() const { return name_; }
  bool has_shown(MessageNumber message) const { return shown_.contains(message); }
  NodeId at() const { return at_; }  // 0: at no edge.
  int moves() const { return moves_; }

 private:
  struct Read {
    SessionNumber sender = 0;
    MessageNumber message = 0;
  };

  void SignIn();
  void Move(NodeId to);
  void Quit();
  void Show(const Read& read);
  void ShowHeld();

  const Surroundings around_;
  const std::string name_;
  const std::vector<std::string> friends_;

  SessionNumber session_ = 0;  // 0: none.
  NodeId at_ = 0;
  SessionNumber next_ = 0;  // The session on the new edge, while it has both.
  NodeId next_at_ = 0;
  bool quitting_ = false;
  int moves_ = 0;

  client::MoveFilter filter_{10'000};
  std::deque<Read> held_;
  std::set<MessageNumber> shown_;
  std::map<SessionNumber, MessageNumber> last_from_;
};

}  // namespace convergia::sim
