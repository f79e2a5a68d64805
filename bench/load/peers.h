#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/devcluster/process.h"

namespace convergia::bench {

// The peer for comparison: one or two nats-servers on 127.0.0.1 with TLS; two are joined by a
// route. They end with this object.
class NatsPeer {
 public:
  // True if Debian's package nats-server is installed.
  static bool Installed();

  // `dir` takes configuration and logs; `certificate` and `key` are PEM files.
  //
  // Errors: kUnavailable, with the name of the log.
  static absl::StatusOr<std::unique_ptr<NatsPeer>> Start(int servers, const std::string& dir,
                                                         const std::string& certificate,
                                                         const std::string& key);

  int port(int server) const { return ports_[server]; }
  std::vector<int> pids() const;

 private:
  std::vector<int> ports_;
  std::vector<std::unique_ptr<devcluster::Process>> processes_;
};

}  // namespace convergia::bench
