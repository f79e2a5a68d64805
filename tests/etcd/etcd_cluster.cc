#include "tests/etcd/etcd_cluster.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"
#include "tools/devcluster/free_ports.h"

namespace convergia::etcd {
namespace {

constexpr char kEtcd[] = "/usr/bin/etcd";
// Of starting the members and electing one of them, on a busy machine.
constexpr int kFirstCallsMax = 150;

// A CA, and one certificate for members and clients alike.
constexpr char kMakeCertificates[] = R"(
set -eu
cd "$1"
new_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }
new_key ca.key
openssl req -x509 -new -key ca.key -subj /CN=etcd-ca -days 2 -out ca.pem
new_key node.key
openssl req -new -key node.key -subj /CN=node -out node.csr
printf 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n' >node.ext
openssl x509 -req -in node.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
  -extfile node.ext -out node.pem
)";

std::string TextOf(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

absl::StatusOr<std::unique_ptr<EtcdCluster>> EtcdCluster::Start(int members) {
  if (!std::filesystem::exists(kEtcd)) {
    return absl::UnavailableError(absl::StrCat(kEtcd, " is missing: run tools/setup"));
  }
  std::unique_ptr<EtcdCluster> cluster(new EtcdCluster);
  cluster->dir_ = absl::StrCat(testing::TempDir(), "/etcd-", SecureRandomHex(8));
  std::filesystem::create_directories(cluster->dir_);
  CVG_RETURN_IF_ERROR(cluster->MakeCertificates());
  CVG_ASSIGN_OR_RETURN(std::vector<int> ports, devcluster::FindFreePorts(2 * members));
  cluster->client_ports_.assign(ports.begin(), ports.begin() + members);
  cluster->peer_ports_.assign(ports.begin() + members, ports.end());
  std::vector<std::string> peers;
  for (int i = 0; i < members; ++i) {
    peers.push_back(absl::StrCat("m", i, "=http://127.0.0.1:", cluster->peer_ports_[i]));
  }
  for (int i = 0; i < members; ++i) {
    CVG_RETURN_IF_ERROR(cluster->StartMember(i, absl::StrJoin(peers, ",")));
  }
  return cluster;
}

absl::Status EtcdCluster::MakeCertificates() {
  CVG_ASSIGN_OR_RETURN(
      const auto openssl,
      devcluster::Process::Start({.arguments = {"/bin/bash", "-c", kMakeCertificates, "bash", dir_},
                                  .log = dir_ + "/openssl.log"}));
  const std::optional<int> status = openssl->AwaitExit(absl::Seconds(60));
  if (status != 0) return absl::UnavailableError(TextOf(dir_ + "/openssl.log"));
  tls_ = {TextOf(dir_ + "/ca.pem"), TextOf(dir_ + "/node.pem"), TextOf(dir_ + "/node.key")};
  return absl::OkStatus();
}

absl::Status EtcdCluster::StartMember(int member, const std::string& cluster) {
  const std::string name = absl::StrCat("m", member);
  const std::string client = absl::StrCat("https://127.0.0.1:", client_ports_[member]);
  const std::string peer = absl::StrCat("http://127.0.0.1:", peer_ports_[member]);
  devcluster::Process::Options options;
  options.arguments = {kEtcd,
                       "--name=" + name,
                       absl::StrCat("--data-dir=", dir_, "/", name),
                       "--listen-client-urls=" + client,
                       "--advertise-client-urls=" + client,
                       "--listen-peer-urls=" + peer,
                       "--initial-advertise-peer-urls=" + peer,
                       "--initial-cluster=" + cluster,
                       "--heartbeat-interval=50",
                       "--election-timeout=500",
                       "--client-cert-auth",
                       absl::StrCat("--trusted-ca-file=", dir_, "/ca.pem"),
                       absl::StrCat("--cert-file=", dir_, "/node.pem"),
                       absl::StrCat("--key-file=", dir_, "/node.key")};
  options.log = absl::StrCat(dir_, "/", name, ".log");
  CVG_ASSIGN_OR_RETURN(auto process, devcluster::Process::Start(std::move(options)));
  members_.push_back(std::move(process));
  return absl::OkStatus();
}

EtcdLog::Options EtcdCluster::LogOptions(const std::string& prefix) const {
  EtcdLog::Options options;
  for (const int port : client_ports_) {
    options.endpoints.push_back(absl::StrCat("127.0.0.1:", port));
  }
  options.tls = tls_;
  options.prefix = prefix;
  return options;
}

absl::StatusOr<std::unique_ptr<EtcdLog>> EtcdCluster::OpenLog(const std::string& prefix) {
  auto log = std::make_unique<EtcdLog>(LogOptions(prefix));
  const std::string id = SecureRandomBytes(store::kLogIdBytes);
  absl::Status made = absl::UnavailableError("not tried");
  for (int calls = 0; calls < kFirstCallsMax && absl::IsUnavailable(made); ++calls) {
    made = log->MakeIfAbsent(id);  // Waits for an answer.
  }
  CVG_RETURN_IF_ERROR(made);
  return log;
}

}  // namespace convergia::etcd
