#include "tests/firewall/network_lab.h"

#include <errno.h>
#include <fcntl.h>
#include <glog/logging.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fstream>
#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "tests/testing/run_command.h"

namespace convergia::testing {
namespace {

constexpr char kInside[] = "CONVERGIA_IN_NAMESPACES";
constexpr char kUnshare[] =
    "unshare --user --map-root-user --net --mount --pid --fork --mount-proc --kill-child";

absl::Status Run(const std::string& command) {
  const CommandResult result = RunCommand(command);
  if (result.status == 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(command, ": ", result.output));
}

std::string CounterName(absl::string_view from, absl::string_view to) {
  return absl::StrCat(from, "_", to);
}

uint64_t BytesOfCounter(const std::string& name) {
  const CommandResult result = RunCommand("nft list counter inet lab " + name);
  // "... packets 12 bytes 3456 ...".
  const std::vector<std::string> words =
      absl::StrSplit(result.output, absl::ByAnyChar(" \t\n"), absl::SkipEmpty());
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    uint64_t bytes = 0;
    if (words[i] == "bytes" && absl::SimpleAtoi(words[i + 1], &bytes)) return bytes;
  }
  LOG(FATAL) << "nft has no counter " << name << ": " << result.output;
  return 0;
}

// The kernel's own word: how many user namespaces there may be.
bool MayHaveUserNamespaces() {
  std::ifstream file("/proc/sys/user/max_user_namespaces");
  int count = 0;
  return file >> count && count > 0;
}

}  // namespace

NetworkLab::Stay::Stay(const std::string& namespace_file)
    : before_(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
  const int there = open(namespace_file.c_str(), O_RDONLY | O_CLOEXEC);
  PCHECK(before_ >= 0 && there >= 0) << namespace_file;
  PCHECK(setns(there, CLONE_NEWNET) == 0) << namespace_file;
  close(there);
}

NetworkLab::Stay::~Stay() {
  PCHECK(setns(before_, CLONE_NEWNET) == 0);
  close(before_);
}

std::string NetworkLab::NamespaceFile(absl::string_view site) {
  return absl::StrCat("/run/netns/", site);
}

std::string NetworkLab::AddressOf(absl::string_view site) const {
  for (size_t i = 0; i < sites_.size(); ++i) {
    if (sites_[i].name == site) return absl::StrCat("10.77.", i + 1, ".2");
  }
  LOG(FATAL) << "the lab has no site " << site;
  return "";
}

std::vector<std::string> NetworkLab::Launcher(absl::string_view site) const {
  return {"/usr/bin/nsenter", absl::StrCat("--net=", NamespaceFile(site))};
}

absl::StatusOr<std::unique_ptr<NetworkLab>> NetworkLab::Create(std::vector<Site> sites) {
  std::unique_ptr<NetworkLab> lab(new NetworkLab(std::move(sites)));
  CVG_RETURN_IF_ERROR(lab->Build());
  return lab;
}

absl::Status NetworkLab::Build() {
  CVG_RETURN_IF_ERROR(Run("mount -t tmpfs lab /run"));  // Only this mount namespace sees it.
  CVG_RETURN_IF_ERROR(Run("ip link set lo up && echo 1 > /proc/sys/net/ipv4/ip_forward"));
  for (size_t i = 0; i < sites_.size(); ++i) {
    const std::string& site = sites_[i].name;
    const std::string net = absl::StrCat("10.77.", i + 1);
    const std::string inside = absl::StrCat("ip -n ", site, " ");
    CVG_RETURN_IF_ERROR(Run(
        absl::StrCat("set -e; ip netns add ", site, "; ip link add name to-", site,
                     " type veth peer name uplink netns ", site, "; ip address add ", net,
                     ".1/24 dev to-", site, "; ip link set to-", site, " up; ", inside,
                     "link set lo up; ", inside, "address add ", net, ".2/24 dev uplink; ", inside,
                     "link set uplink up; ", inside, "route add default via ", net, ".1")));
  }
  const std::string rules = "/run/lab.nft";
  std::ofstream(rules) << Rules();
  return Run("nft -f " + rules);
}

std::string NetworkLab::Rules() const {
  std::string counters, counting, walled;
  for (const Site& from : sites_) {
    if (from.walled) {
      absl::StrAppend(&walled, "    ip daddr ", AddressOf(from.name), " ct state new drop\n");
    }
    for (const Site& to : sites_) {
      if (from.name == to.name) continue;
      const std::string counter = CounterName(from.name, to.name);
      absl::StrAppend(&counters, "  counter ", counter, " { }\n");
      absl::StrAppend(&counting, "    ip saddr ", AddressOf(from.name), " ip daddr ",
                      AddressOf(to.name), " counter name ", counter, "\n");
    }
  }
  return absl::StrCat("table inet lab {\n", counters,
                      "  set closed { type ipv4_addr . ipv4_addr; }\n"
                      "  set refused { type ipv4_addr . ipv4_addr; }\n"
                      "  chain forward {\n"
                      "    type filter hook forward priority 0; policy accept;\n",
                      counting,
                      "    ip saddr . ip daddr @closed drop\n"
                      "    ip saddr . ip daddr @refused meta l4proto tcp reject with tcp reset\n"
                      "    ct state established,related accept\n",
                      walled, "  }\n}\n");
}

absl::Status NetworkLab::SetMember(absl::string_view set, absl::string_view a, absl::string_view b,
                                   bool in) {
  const std::string one = AddressOf(a), other = AddressOf(b);
  return Run(absl::StrCat("nft ", in ? "add" : "delete", " element inet lab ", set, " '{ ", one,
                          " . ", other, ", ", other, " . ", one, " }'"));
}

absl::Status NetworkLab::SetClosed(absl::string_view a, absl::string_view b, bool closed) {
  return SetMember("closed", a, b, closed);
}

absl::Status NetworkLab::SetRefused(absl::string_view a, absl::string_view b, bool refused) {
  return SetMember("refused", a, b, refused);
}

uint64_t NetworkLab::BytesBetween(absl::string_view a, absl::string_view b) const {
  return BytesOfCounter(CounterName(a, b)) + BytesOfCounter(CounterName(b, a));
}

uint64_t NetworkLab::BytesOf(absl::string_view site) const {
  uint64_t bytes = 0;
  for (const Site& other : sites_) {
    if (other.name != site) bytes += BytesBetween(site, other.name);
  }
  return bytes;
}

std::string ReenterInNamespaces(int argc, char** argv) {
  if (getenv(kInside) != nullptr) return "";
  const CommandResult tried = RunCommand(absl::StrCat(kUnshare, " true"));
  if (tried.status != 0) {
    if (!MayHaveUserNamespaces()) return "this kernel allows no user namespaces";
    if (absl::StrContains(tried.output, "Operation not permitted")) {
      return absl::StrCat("nobody may make user namespaces here: ", tried.output);
    }
    std::cerr << "cannot make namespaces (tools/setup installs what it takes): " << tried.output;
    exit(1);
  }
  std::vector<std::string> words = absl::StrSplit(kUnshare, ' ');
  words.insert(words.end(), argv, argv + argc);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  setenv(kInside, "1", /*overwrite=*/1);
  execvp(arguments[0], arguments.data());
  std::cerr << "cannot run unshare: " << strerror(errno) << "\n";
  exit(1);
}

}  // namespace convergia::testing
