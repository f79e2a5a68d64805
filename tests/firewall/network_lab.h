#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace convergia::testing {

// Sites in network namespaces, each on a wire of its own to a router with a firewall (nftables),
// which counts what goes between any two. The router is the namespace of this process.
//
// For processes that ReenterInNamespaces() has put into namespaces of their own; one lab a process.
// All goes when the process does.
class NetworkLab {
 public:
  struct Site {
    std::string name;
    bool walled = false;  // Connections can be opened from the inside only.
  };

  // Errors: kUnavailable, with what the tool that failed has said.
  static absl::StatusOr<std::unique_ptr<NetworkLab>> Create(std::vector<Site> sites);

  // The IPv4 address of its one host.
  std::string AddressOf(absl::string_view site) const;

  // The words before a command that run it there: see devcluster::Cluster::Options::launchers.
  std::vector<std::string> Launcher(absl::string_view site) const;

  // Runs `fn` there: sockets that it makes stay there. For this thread only.
  template <typename Fn>
  auto Within(absl::string_view site, const Fn& fn) {
    const Stay stay(NamespaceFile(site));
    return fn();
  }

  // True: nothing passes between the two, either way, and no side is told. False: as before.
  absl::Status SetClosed(absl::string_view a, absl::string_view b, bool closed);
  // The same, but a side that sends is told at once that the connection is gone (RST).
  absl::Status SetRefused(absl::string_view a, absl::string_view b, bool refused);

  // That were sent between the two, both ways, the dropped ones too.
  uint64_t BytesBetween(absl::string_view a, absl::string_view b) const;
  // The same between one and all others.
  uint64_t BytesOf(absl::string_view site) const;

 private:
  class Stay {
   public:
    explicit Stay(const std::string& namespace_file);
    ~Stay();

   private:
    int before_;
  };

  explicit NetworkLab(std::vector<Site> sites) : sites_(std::move(sites)) {}
  absl::Status Build();
  std::string Rules() const;
  absl::Status SetMember(absl::string_view set, absl::string_view a, absl::string_view b, bool in);
  static std::string NamespaceFile(absl::string_view site);

  const std::vector<Site> sites_;
};

// Starts the running program again as root of new user, network, mount and process namespaces, and
// does not return; or returns, in there, "". Otherwise it returns why this machine has none of
// them. Prints and exits with 1 if it should have them and something else is wrong.
std::string ReenterInNamespaces(int argc, char** argv);

}  // namespace convergia::testing
