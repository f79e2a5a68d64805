#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace convergia::datamgr {

// Decides whose request is next: start-time fair queueing among users, whatever the number of their
// sessions. Each user's cost is added up, and the user who has paid least is next. A user who comes
// back is as one who has paid what the last user served has, so idle time is not saved up.
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

  // `client` of `user` has something to do. No effect if it waits for its turn already.
  void Add(const std::string& user, Client client);

  // The next turn, which no longer waits; nullopt: nobody waits. Clients of one user take turns.
  std::optional<Turn> Next();

  // What the last turn of `user` cost, in any unit.
  void Charge(const std::string& user, uint64_t cost);

 private:
  struct User {
    uint64_t paid = 0;
    std::deque<Client> clients;
  };
  void ForgetIdle();

  std::map<std::string, User> users_;
  std::set<std::pair<uint64_t, std::string>> waiting_;  // By what they paid: those with clients.
  std::set<std::pair<uint64_t, std::string>> idle_;     // Those without, who paid more than others.
  std::set<Client> clients_;                            // All that wait.
  uint64_t floor_ = 0;                                  // What the user served last had paid.
};

}  // namespace convergia::datamgr
