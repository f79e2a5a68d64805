#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/load/load.h"
#include "bench/load/peers.h"
#include "tools/devcluster/cluster.h"

namespace convergia::bench {

// Where a server listens.
struct Place {
  std::string host;
  int port = 0;
};

// The servers under test and their users: a cluster of two edges, nats-servers beside it if they
// are installed, and accounts.
//
// Pair p is a sender, which has several sessions when there are many pairs, and a receiver of its
// own. Everything ends with this object. One thread.
class Lineup {
 public:
  struct Options {
    std::string dir;  // Empty: a new one under /tmp.
    int pairs = 0;    // The most that will be asked for.
    int body_bytes = 0;
  };
  // Starts all servers, makes accounts, and signs every user in once, because later sign-ins are by
  // ticket. Takes some 50 ms an account.
  static absl::StatusOr<std::unique_ptr<Lineup>> Start(const Options& options);

  const std::string& dir() const { return dir_; }
  bool has_nats() const { return one_nats_ != nullptr; }

  struct Load {
    std::vector<LoadConnection> connections;
    std::vector<int> server_pids;
  };
  // Both ends on one edge, or on two.
  Load Ours(int pairs, bool across);
  // Both ends on one nats-server, or on two. `answering`: the server answers each message.
  Load Nats(int pairs, bool across, bool answering);

  // Sessions that do nothing, on one server.
  Load OurSessions(int first, int count);
  Load NatsSessions(int count);

 private:
  explicit Lineup(const Options& options) : options_(options) {}
  absl::Status StartCluster();
  absl::Status StartNats();
  absl::Status SignEverybodyIn();
  int senders() const;
  std::string SenderOf(int pair) const;
  static std::string ReceiverOf(int pair);
  LoadConnection Connect(const Place& place, const std::string& user, const std::string& to,
                         bool sends);

  const Options options_;
  std::string dir_, body_;
  std::unique_ptr<devcluster::Cluster> cluster_;
  std::unique_ptr<NatsPeer> one_nats_, two_nats_;
  Place edge1_, edge2_;
  int edge1_pid_ = 0, edge2_pid_ = 0;
  std::map<std::string, std::string> secrets_;  // Of each user: the password, later the ticket.
};

}  // namespace convergia::bench
