#include "bench/load/lineup.h"

#include <stdlib.h>

#include <algorithm>
#include <iostream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bench/load/dialect.h"
#include "common/base/status_macros.h"

namespace convergia::bench {
namespace {

constexpr char kPassword[] = "bench password";
constexpr int kSessionsPerSender = 5;  // Of the ten that a user may have.

absl::StatusOr<Place> ParseAddress(const std::string& address) {
  const size_t colon = address.rfind(':');
  Place place;
  if (colon == std::string::npos || !absl::SimpleAtoi(address.substr(colon + 1), &place.port)) {
    return absl::InvalidArgumentError(absl::StrCat("not host:port: ", address));
  }
  place.host = address.substr(0, colon);
  return place;
}

// All come from one address and send as fast as they can: that is what is measured here.
void Unbind(v1::EdgeConfig* config) {
  v1::LineLimits* limits = config->mutable_line_limits();
  limits->set_unauthenticated_per_address_max(100'000);
  limits->set_signed_in_per_address_max(100'000);
  limits->set_messages_per_second(100'000'000);
  limits->set_messages_burst(100'000'000);
  limits->set_message_bytes_per_second(4'000'000'000);
  limits->set_message_bytes_burst(4'000'000'000);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Lineup>> Lineup::Start(const Options& options) {
  std::unique_ptr<Lineup> lineup(new Lineup(options));
  lineup->body_ = std::string(options.body_bytes, 'x');
  CVG_RETURN_IF_ERROR(lineup->StartCluster());
  CVG_RETURN_IF_ERROR(lineup->StartNats());
  CVG_RETURN_IF_ERROR(lineup->SignEverybodyIn());
  return lineup;
}

int Lineup::senders() const {
  return (options_.pairs + kSessionsPerSender - 1) / kSessionsPerSender;
}
std::string Lineup::SenderOf(int pair) const { return absl::StrCat("s", pair % senders()); }
std::string Lineup::ReceiverOf(int pair) { return absl::StrCat("r", pair); }

absl::Status Lineup::StartCluster() {
  dir_ = options_.dir;
  if (dir_.empty()) {
    char pattern[] = "/tmp/convergia-bench.XXXXXX";
    if (mkdtemp(pattern) == nullptr) return absl::UnavailableError("no directory under /tmp");
    dir_ = pattern;
  }
  for (int pair = 0; pair < options_.pairs; ++pair) {
    secrets_[SenderOf(pair)] = kPassword;
    secrets_[ReceiverOf(pair)] = kPassword;
  }
  std::cout << "cluster in " << dir_ << "; making " << secrets_.size() << " accounts" << std::endl;
  devcluster::Cluster::Options options;
  options.dir = dir_;
  options.counts.edges = 2;
  for (const auto& [user, secret] : secrets_) options.accounts.push_back({user, secret});
  options.config_changes.edge = Unbind;
  CVG_ASSIGN_OR_RETURN(cluster_, devcluster::Cluster::Create(std::move(options)));
  CVG_RETURN_IF_ERROR(cluster_->Start());
  CVG_ASSIGN_OR_RETURN(const auto first, cluster_->node("edge1"));
  CVG_ASSIGN_OR_RETURN(const auto second, cluster_->node("edge2"));
  CVG_ASSIGN_OR_RETURN(edge1_, ParseAddress(first.line));
  CVG_ASSIGN_OR_RETURN(edge2_, ParseAddress(second.line));
  edge1_pid_ = first.pid;
  edge2_pid_ = second.pid;
  return absl::OkStatus();
}

absl::Status Lineup::StartNats() {
  if (!NatsPeer::Installed()) return absl::OkStatus();
  CVG_ASSIGN_OR_RETURN(const auto edge, cluster_->node("edge1"));
  const std::string certificate = edge.dir + "/node.pem", key = edge.dir + "/node.key";
  CVG_ASSIGN_OR_RETURN(one_nats_, NatsPeer::Start(1, dir_, certificate, key));
  CVG_ASSIGN_OR_RETURN(two_nats_, NatsPeer::Start(2, dir_, certificate, key));
  return absl::OkStatus();
}

absl::Status Lineup::SignEverybodyIn() {
  std::cout << "signing everybody in, for their tickets" << std::endl;
  std::vector<LoadConnection> all;
  // At the edge whose memory nobody measures.
  for (const auto& [user, secret] : secrets_) all.push_back(Connect(edge2_, user, user, false));
  return MeasureSessions({}, std::move(all), {}).status();
}

LoadConnection Lineup::Connect(const Place& place, const std::string& user, const std::string& to,
                               bool sends) {
  return {place.host, place.port, MakeConvergiaDialect(user, &secrets_[user], to, body_), sends};
}

Lineup::Load Lineup::Ours(int pairs, bool across) {
  Load load;
  for (int pair = 0; pair < pairs; ++pair) {
    const std::string sender = SenderOf(pair), receiver = ReceiverOf(pair);
    load.connections.push_back(Connect(edge1_, sender, receiver, /*sends=*/true));
    load.connections.push_back(
        Connect(across ? edge2_ : edge1_, receiver, sender, /*sends=*/false));
  }
  load.server_pids = {edge1_pid_};
  if (across) load.server_pids.push_back(edge2_pid_);
  return load;
}

Lineup::Load Lineup::Nats(int pairs, bool across, bool answering) {
  Load load;
  const NatsPeer& nats = across ? *two_nats_ : *one_nats_;
  const std::string host = "127.0.0.1";
  const auto connect = [&](int server, const std::string& subject, const std::string& to,
                           bool sends) {
    load.connections.push_back(
        {host, nats.port(server), MakeNatsDialect(subject, to, body_, answering), sends});
  };
  for (int pair = 0; pair < pairs; ++pair) {
    const std::string sender = absl::StrCat("s", pair), receiver = ReceiverOf(pair);
    connect(0, sender, receiver, /*sends=*/true);
    connect(across ? 1 : 0, receiver, sender, /*sends=*/false);
  }
  load.server_pids = nats.pids();
  return load;
}

Lineup::Load Lineup::OurSessions(int first, int count) {
  Load load;
  for (int i = first; i < first + count; ++i) {
    const std::string user = ReceiverOf(i % options_.pairs);
    load.connections.push_back(Connect(edge1_, user, user, /*sends=*/false));
  }
  load.server_pids = {edge1_pid_};
  return load;
}

Lineup::Load Lineup::NatsSessions(int count) {
  Load load;
  for (int i = 0; i < count; ++i) {
    const std::string subject = absl::StrCat("idle", i);
    load.connections.push_back({"127.0.0.1", one_nats_->port(0),
                                MakeNatsDialect(subject, subject, body_, /*verbose=*/false),
                                /*sends=*/false});
  }
  load.server_pids = one_nats_->pids();
  return load;
}

}  // namespace convergia::bench
