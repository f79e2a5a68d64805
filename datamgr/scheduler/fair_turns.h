#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace convergia::datamgr {

// Decides whose request is next: start-time fair queueing (Goyal, Vin and Cheng, 1996) among users,
// independent of the number of their sessions. It adds up each user's cost, and the user who has
// paid least is next. A user who returns counts as having paid at least what the user served last
// had paid, so nobody saves up idle time.
//
// A core. Not thread-safe.
class FairTurns {
 public:
  // One stream's session.
  using Client = std::pair<uint64_t, uint64_t>;
  struct Turn {
    std::string user;
    Client client;
  };

  // `client` of `user` has a request. No effect if it already waits for its turn.
  void Add(const std::string& user, Client client);

  // Takes the next turn; its client no longer waits. nullopt: no client waits. Clients of one user
  // take turns.
  std::optional<Turn> Next();

  // Adds the cost of the last turn of `user`, in any unit that all calls share.
  void Charge(const std::string& user, uint64_t cost);

 private:
  struct User {
    uint64_t paid = 0;
    std::deque<Client> clients;
  };
  void ForgetIdle();

  std::map<std::string, User> users_;
  std::set<std::pair<uint64_t, std::string>> waiting_;  // By cost paid: users with clients.
  std::set<std::pair<uint64_t, std::string>> idle_;     // Without clients, above floor_.
  std::set<Client> clients_;                            // Every client that waits.
  uint64_t floor_ = 0;  // The cost that the user served last had paid.
};

}  // namespace convergia::datamgr
