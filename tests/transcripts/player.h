#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/testing/line_client.h"
#include "tests/transcripts/transcript.h"
#include "tools/devcluster/cluster.h"

namespace convergia::testing {

// Plays a transcript's steps against a cluster of real processes.
class Player {
 public:
  // Passwords are "pw-" and the name. `cluster` must outlive the player.
  explicit Player(devcluster::Cluster* cluster) : cluster_(*cluster) {}

  // Carries out the commands of one step and returns everything that came of them, as text without
  // chance: first the lines of the client that was created first.
  //
  // Errors: a command that is none, or that could not be carried out.
  absl::StatusOr<std::vector<std::string>> Play(const Step& step);

 private:
  struct Client {
    std::string name;
    std::unique_ptr<LineClient> line;  // Null once closed.
    std::vector<std::string> results;
  };

  absl::Status RunCommand(const std::string& command);
  absl::Status Open(const std::string& name, const std::string& node);
  absl::Status SignIn(const std::string& name, const std::string& node, std::string user);
  absl::Status AwaitStorage(const std::string& name);
  absl::Status Await(const std::string& name, const std::string& user);
  absl::Status Send(const std::string& name, const std::string& text);
  absl::StatusOr<Client*> Find(const std::string& name);

  // Reads what has come for `client`: all that is in its outbox now, since its server answers a
  // PING behind it.
  absl::Status Collect(Client* client);
  void Take(Client* client, const std::string& packet);

  devcluster::Cluster& cluster_;
  std::vector<std::unique_ptr<Client>> clients_;
};

}  // namespace convergia::testing
