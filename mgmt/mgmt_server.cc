#include "mgmt/mgmt_server.h"

#include <glog/logging.h>

#include <algorithm>
#include <filesystem>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/net/host_port.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/identity/certificate_authority.h"
#include "common/identity/files.h"
#include "common/lineserver/line_server.h"
#include "common/node/program/reachable_address.h"
#include "common/rpc/auth/call_policy.h"
#include "common/rpc/auth/credentials.h"
#include "common/rpc/auth/pin_set.h"
#include "common/rpc/server.h"
#include "common/session/limits/limits.h"
#include "common/store/rocks/rocks_store.h"
#include "common/store/start_counter.h"
#include "common/tls/context.h"
#include "mgmt/accounts/account_store.h"
#include "mgmt/accounts/registration/invites.h"
#include "mgmt/accounts/throttling/known_networks.h"
#include "mgmt/accounts/ticket_issuer.h"
#include "mgmt/cluster/cluster_loop.h"
#include "mgmt/commands/account_commands.h"
#include "mgmt/commands/enrol_commands.h"
#include "mgmt/commands/main_server_commands.h"
#include "mgmt/commands/map_commands.h"
#include "mgmt/commands/session_commands.h"
#include "mgmt/config.h"
#include "mgmt/line_sessions.h"
#include "mgmt/members/members_executor.h"
#include "mgmt/members/node_registry.h"
#include "mgmt/own_certificate.h"
#include "mgmt/own_sessions.h"
#include "mgmt/services/accounts_service.h"
#include "mgmt/services/admin_service.h"
#include "mgmt/services/cluster_service.h"
#include "mgmt/views/map_watchers.h"

namespace convergia::mgmt {
namespace {

constexpr absl::string_view kStartKey = "counter/start";
constexpr absl::Duration kStopGrace = absl::Seconds(1);

using lineserver::CommandSpec;
using lineserver::CommandTable;
using lineserver::LineServer;

// A bucket of `count` events that empties within `per`: one event is forgiven each `per` / `count`.
// The longest wait is `per`.
BucketRule Rule(uint32_t count, absl::Duration per) {
  return {.burst = static_cast<double>(count),
          .forgiven_each = per / static_cast<int64_t>(count),
          .level_max = 2.0 * count,
          .keys_max = 100'000};
}

AccountsExecutor::RegistrationMode ModeOf(v1::MgmtConfig::Registration registration) {
  using Mode = AccountsExecutor::RegistrationMode;
  switch (registration) {
    case v1::MgmtConfig::OPEN:
      return Mode::kOpen;
    case v1::MgmtConfig::APPROVAL:
      return Mode::kApproval;
    case v1::MgmtConfig::INVITE:
      return Mode::kInvite;
    default:
      return Mode::kClosed;
  }
}

AccountsExecutor::Options DeskOptions(const MgmtServer::Options& options) {
  const v1::RegistrationLimits& limits = options.config.registration_limits();
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  AccountsExecutor::Options executor;
  executor.threads = options.hash_threads > 0 ? options.hash_threads : std::max(1, cores / 2);
  executor.registration = ModeOf(options.config.registration());
  executor.hash_cost = options.hash_cost;
  executor.password_bytes_min = options.config.password_bytes_min();
  executor.registrations.per_address = Rule(limits.per_address_per_hour(), absl::Hours(1));
  executor.sign_ins.address =
      Rule(limits.failed_sign_ins_per_address_per_minute(), absl::Minutes(1));
  return executor;
}

lineserver::SessionLimits LimitsOf(const v1::LineLimits& config) {
  lineserver::SessionLimits limits;
  limits.unauthenticated_per_address_max =
      static_cast<int>(config.unauthenticated_per_address_max());
  limits.signed_in_per_address_max = static_cast<int>(config.signed_in_per_address_max());
  limits.memory_bytes_max = session::QuarterOfMemory() / 2;  // One half for each line server.
  return limits;
}

// An address of TEST-NET-1 (RFC 5737), which no host has. Asking for the route to it sends nothing.
constexpr char kElsewhere[] = "192.0.2.1:9";

// Returns `bound` with a host that others can dial. If it is bound to all addresses, `told` gives
// the host, if it has one.
std::string DialableAddress(const std::string& bound, const std::string& told) {
  const absl::StatusOr<HostPort> ours = HostPort::Parse(bound);
  const absl::StatusOr<HostPort> theirs = HostPort::Parse(told);
  const bool is_all = ours.ok() && (ours->host == "0.0.0.0" || ours->host == "::");
  if (is_all && theirs.ok()) return HostPort{theirs->host, ours->port}.ToString();
  return node::ReachableAddress(bound, kElsewhere);
}

std::vector<CommandSpec> Joined(std::vector<std::vector<CommandSpec>> families) {
  std::vector<CommandSpec> all;
  for (std::vector<CommandSpec>& family : families) {
    std::move(family.begin(), family.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace

// All parts of the server, in the order of their creation; they are destroyed in reverse.
struct MgmtServer::Parts final : AccountsObserver, ClusterOutput {
  Parts(const Options& options, identity::CertificateAuthority authority)
      : config(options.config),
        paths(options.config),
        clock(options.clock == nullptr ? RealClock::Get() : *options.clock),
        ca(std::move(authority)) {}

  absl::Status OpenStores(const Options& options);
  absl::Status MakeCores(const Options& options);
  absl::Status Listen(const Options& options);
  absl::Status ListenForClients(const Options& options);
  std::vector<std::string> EnrolAddresses() const;
  void PublishMembers();
  std::vector<Cluster::TicketKeyUntil> TicketKeysNow();

  // AccountsObserver: on the executor's threads.
  void OnAccountAdded(const Account& account) override;
  void OnTicketsVoid(const Account& account, absl::string_view reason) override;
  void OnTicketKeys() override;
  // ClusterOutput: on the loop's thread.
  void Send(StreamId stream, const v1::ToNode& message) override {
    cluster_service->Send(stream, message);
  }
  void Close(StreamId stream, const absl::Status& reason) override {
    cluster_service->Close(stream, reason);
  }
  void OnMapRows(const std::vector<v1::ServerMapRow>& rows) override { watchers.Tell(rows); }

  const v1::MgmtConfig config;
  const Paths paths;
  const Clock& clock;
  const identity::CertificateAuthority ca;

  std::unique_ptr<store::Store> own_store;
  store::Store* store = nullptr;
  std::unique_ptr<CaptchaPainter> own_painter;
  CaptchaPainter* painter = nullptr;
  std::unique_ptr<NodeRegistry> registry;
  std::unique_ptr<AccountStore> accounts;
  std::unique_ptr<TicketIssuer> tickets;
  std::unique_ptr<KnownNetworks> known;
  std::unique_ptr<Invites> invites;
  NodeId self = 0;
  Epoch epoch = 0;

  rpc::PinSet pins;
  std::unique_ptr<LineSessions> sessions;
  NobodySignsIn nobody_signs_in;
  MapWatchers watchers;                     // On the loop's thread.
  LineMapWatchers line_watchers{watchers};  // Likewise.
  std::unique_ptr<ClusterService> cluster_service;
  std::unique_ptr<ClusterLoop> loop;
  std::unique_ptr<MembersExecutor> members;
  std::unique_ptr<AccountsExecutor> executor;
  std::unique_ptr<OwnSessions> own_sessions;
  std::unique_ptr<AccountsService> accounts_service;
  std::unique_ptr<AdminService> admin_service;

  std::unique_ptr<tls::TlsContext> tls;
  std::unique_ptr<CommandTable> table, open_table;
  std::unique_ptr<LineServer> line, open_line;
  std::string line_address, open_line_address;
  std::vector<std::string> grpc_addresses;  // The addresses at which nodes reach it.
  std::unique_ptr<rpc::Server> rpc;
  bool stopped = false;
};

absl::Status MgmtServer::Parts::OpenStores(const Options& options) {
  store = options.store;
  if (store == nullptr) {
    CVG_ASSIGN_OR_RETURN(
        own_store, store::RocksStore::Open({.dir = paths.store, .on_fenced = options.on_fenced}));
    store = own_store.get();
  }
  painter = options.painter;
  if (painter == nullptr) {
    CVG_ASSIGN_OR_RETURN(own_painter, GdCaptchaPainter::Create());
    painter = own_painter.get();
  }
  CVG_ASSIGN_OR_RETURN(registry, NodeRegistry::Create(*store, ca));
  CVG_ASSIGN_OR_RETURN(self, EnsureOwnCertificate(paths, ca, *registry, clock.Now()));
  CVG_ASSIGN_OR_RETURN(accounts, AccountStore::Create(*store));
  CVG_ASSIGN_OR_RETURN(tickets, TicketIssuer::Create(*store));
  CVG_ASSIGN_OR_RETURN(known, KnownNetworks::Create(*store));
  CVG_ASSIGN_OR_RETURN(invites, Invites::Create(*store));
  CVG_ASSIGN_OR_RETURN(epoch,
                       store::CountStart(*store, kStartKey, clock.Now(), config.epoch_at_least()));
  LOG(INFO) << "this start of mgmt has epoch " << epoch;
  return absl::OkStatus();
}

absl::Status MgmtServer::Parts::MakeCores(const Options& options) {
  auto cluster = std::make_unique<Cluster>(
      Cluster::Options{
          .epoch = epoch,
          .self = self,
          .version = kVersion,
          .hide_clients = config.hide_other_clients(),
          .rebalancing = {.moves_per_minute = static_cast<int>(config.moves_per_minute())}},
      *accounts);
  cluster->SetMembers(registry->All(), registry->ValidPins(), clock.Elapsed());
  cluster->SetTicketKeys(TicketKeysNow());
  for (const Account& account : accounts->RaisedLately(clock.Now(), limits::kGenerationsToldFor)) {
    cluster->OnTicketsVoid(account, "your earlier sign-in was ended; sign in again",
                           clock.Elapsed());
  }
  pins.Replace(registry->ValidPins());
  members = std::make_unique<MembersExecutor>(
      *registry, clock,
      Rule(config.registration_limits().failed_sign_ins_per_address_per_minute(), absl::Minutes(1)),
      [this] { PublishMembers(); });
  // From its Start() on, the loop's decisions go to the service and to the sessions.
  loop = std::make_unique<ClusterLoop>(std::move(cluster), clock, *this);
  cluster_service = std::make_unique<ClusterService>(*members, pins, loop.get(), epoch);
  executor = std::make_unique<AccountsExecutor>(
      AccountsExecutor::Deps{clock, *accounts, *tickets, *known, *invites, *painter, *this},
      DeskOptions(options));
  sessions = std::make_unique<LineSessions>(
      *accounts, executor.get(), static_cast<int>(config.line_limits().sessions_per_user_max()),
      clock);
  own_sessions = std::make_unique<OwnSessions>(*loop, sessions->list(), kOwnName);
  accounts_service = std::make_unique<AccountsService>(*executor, *loop, *own_sessions, watchers,
                                                       pins, config.hide_other_clients());
  return absl::OkStatus();
}

absl::Status MgmtServer::Parts::ListenForClients(const Options& options) {
  CVG_ASSIGN_OR_RETURN(const std::string chain, identity::ReadFileToString(paths.chain_pem));
  CVG_ASSIGN_OR_RETURN(const std::string key, identity::ReadFileToString(paths.key_pem));
  CVG_ASSIGN_OR_RETURN(tls, tls::TlsContext::Server(chain, key));
  table = std::make_unique<CommandTable>(
      Joined({RegistrationCommands(*executor), AccountCommands(*executor, *sessions),
              SessionCommands(*own_sessions), EnrolCommands(*members, grpc_addresses),
              MainServerCommands(*loop),
              MapCommands(*loop, watchers, line_watchers, config.hide_other_clients())}));
  open_table = std::make_unique<CommandTable>(
      Joined({RegistrationCommands(*executor), EnrolCommands(*members, grpc_addresses)}));
  LineServer::Options line_options;
  line_options.listen = {{.address = config.line_listen(), .table = table.get()}};
  line_options.shards = options.line_shards;
  line_options.limits = LimitsOf(config.line_limits());
  line_options.greeting = {
      {"protocol", "1"},
      {"version", kVersion},
      {"server", kOwnName},
      {"type", "managementserver"},
      {"sessions_per_user_max", absl::StrCat(config.line_limits().sessions_per_user_max())}};
  LineServer::Options open_options = line_options;
  // A registering user looks at a picture first, so only silence ends the connection.
  open_options.listen = {{.address = config.open_line_listen(),
                          .table = open_table.get(),
                          .sign_in_timeout = absl::InfiniteDuration()}};
  open_options.shards = 1;
  CVG_ASSIGN_OR_RETURN(line, LineServer::Create({.tls = tls.get(),
                                                 .authenticator = sessions.get(),
                                                 .observer = sessions.get(),
                                                 .clock = &clock},
                                                std::move(line_options)));
  CVG_ASSIGN_OR_RETURN(
      open_line,
      LineServer::Create({.tls = tls.get(), .authenticator = &nobody_signs_in, .clock = &clock},
                         std::move(open_options)));
  line_address = line->addresses().front();
  open_line_address = open_line->addresses().front();
  return absl::OkStatus();
}

absl::Status MgmtServer::Parts::Listen(const Options& options) {
  CVG_RETURN_IF_ERROR(ListenForClients(options));
  admin_service = std::make_unique<AdminService>(*executor, *members, *loop, EnrolAddresses());
  CVG_ASSIGN_OR_RETURN(
      auto credentials,
      rpc::MakeServerCredentials(
          {.ca = paths.ca_pem, .certificate_chain = paths.chain_pem, .key = paths.key_pem},
          rpc::CallPolicy::Cluster(), pins, rpc::Handshake::kOurCa));
  CVG_ASSIGN_OR_RETURN(
      rpc, rpc::Server::Create(
               {.listen = config.grpc_listen(),
                .credentials = std::move(credentials),
                .services = {cluster_service.get(), accounts_service.get(), admin_service.get()}}));
  v1::NodeAddresses addresses;
  const v1::NodeAddressesConfig& told = config.advertise();
  grpc_addresses.assign(told.grpc().begin(), told.grpc().end());
  if (grpc_addresses.empty()) grpc_addresses = {DialableAddress(rpc->address(), told.line())};
  v1::Leader leader;
  leader.set_epoch(epoch);
  leader.set_is_self(true);
  for (const std::string& address : grpc_addresses) leader.add_grpc_addresses(address);
  cluster_service->SetLeader(leader);
  addresses.set_grpc(told.grpc().empty() ? rpc->address() : told.grpc(0));
  addresses.set_line(told.line().empty() ? line_address : told.line());
  const bool posted =
      loop->Post([addresses](Cluster& cluster) { cluster.SetSelfAddresses(addresses); });
  CHECK(posted) << "the loop has not even started";
  loop->Start();
  return absl::OkStatus();
}

std::vector<std::string> MgmtServer::Parts::EnrolAddresses() const {
  if (config.enrol_addresses_size() > 0) {
    return {config.enrol_addresses().begin(), config.enrol_addresses().end()};
  }
  const v1::NodeAddressesConfig& told = config.advertise();
  const std::string host = told.line().empty() && told.grpc_size() > 0 ? told.grpc(0) : told.line();
  return {DialableAddress(open_line_address, host)};
}

void MgmtServer::Parts::PublishMembers() {
  const bool posted = loop->PostUrgent([this](Cluster& cluster) {
    cluster.SetMembers(registry->All(), registry->ValidPins(), clock.Elapsed());
  });
  LOG_IF(ERROR, !posted) << "the cluster was not told of a change among its members";
  pins.Replace(registry->ValidPins());
}

void MgmtServer::Parts::OnAccountAdded(const Account& account) {
  const bool posted = loop->Post([account](Cluster& cluster) { cluster.OnAccountAdded(account); });
  LOG_IF(ERROR, !posted) << "watchers of the map were not told of the new account "
                         << account.user.str();
}

void MgmtServer::Parts::OnTicketsVoid(const Account& account, absl::string_view reason) {
  const bool posted =
      loop->PostUrgent([this, account, reason = std::string(reason)](Cluster& cluster) {
        cluster.OnTicketsVoid(account, reason, clock.Elapsed());
      });
  LOG_IF(ERROR, !posted) << "edges were not told that tickets of " << account.user.str()
                         << " are void";
  sessions->OnTicketsVoid(account, reason);
}

// The cluster's core uses Elapsed(), which does not jump, so the keys' end times are converted.
std::vector<Cluster::TicketKeyUntil> MgmtServer::Parts::TicketKeysNow() {
  const absl::Time now = clock.Now();
  std::vector<Cluster::TicketKeyUntil> keys;
  for (const TicketKey& key : tickets->PublicKeys(now)) {
    keys.push_back({key.public_pem, clock.Elapsed() + (key.until - now)});
  }
  return keys;
}

void MgmtServer::Parts::OnTicketKeys() {
  const bool posted =
      loop->PostUrgent([keys = TicketKeysNow()](Cluster& cluster) { cluster.SetTicketKeys(keys); });
  LOG_IF(ERROR, !posted) << "edges were not told of the new ticket key; they are when they attach";
}

absl::StatusOr<std::unique_ptr<MgmtServer>> MgmtServer::Create(const Options& options) {
  const Paths paths(options.config);
  const absl::StatusOr<std::string> ca_pem = identity::ReadFileToString(paths.ca_pem);
  if (absl::IsNotFound(ca_pem.status())) {
    return absl::FailedPreconditionError(
        absl::StrCat("there is no cluster in ", options.config.dir(), "; make one with --init"));
  }
  CVG_RETURN_IF_ERROR(ca_pem.status());
  CVG_ASSIGN_OR_RETURN(const std::string ca_key, identity::ReadFileToString(paths.ca_key));
  const Clock& clock = options.clock == nullptr ? RealClock::Get() : *options.clock;
  CVG_ASSIGN_OR_RETURN(auto ca, identity::CertificateAuthority::Load(*ca_pem, ca_key, clock));
  auto parts = std::make_unique<Parts>(options, std::move(ca));
  CVG_RETURN_IF_ERROR(parts->OpenStores(options));
  CVG_RETURN_IF_ERROR(parts->MakeCores(options));
  auto server = std::unique_ptr<MgmtServer>(new MgmtServer(std::move(parts)));
  CVG_RETURN_IF_ERROR(server->parts_->Listen(options));
  return server;
}

MgmtServer::MgmtServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

MgmtServer::~MgmtServer() { Stop(); }

void MgmtServer::Start() {
  parts_->line->Start();
  parts_->open_line->Start();
}

void MgmtServer::Drain(absl::Duration deadline) {
  parts_->rpc->Drain();
  parts_->open_line->Drain(deadline / 2);
  parts_->line->Drain(deadline / 2);
}

// Stops the servers first and then the executors and the loop, so that requests under way are still
// answered.
void MgmtServer::Stop() {
  if (std::exchange(parts_->stopped, true)) return;
  if (parts_->open_line != nullptr) parts_->open_line->Stop();
  if (parts_->line != nullptr) parts_->line->Stop();
  if (parts_->rpc != nullptr) parts_->rpc->Stop(kStopGrace);
  parts_->executor->Stop();
  parts_->members->Stop();
  parts_->loop->Stop();
  if (parts_->own_store != nullptr) parts_->own_store->Stop();
}

void MgmtServer::SetLeader(const v1::Leader& leader) { parts_->cluster_service->SetLeader(leader); }

const std::string& MgmtServer::grpc_address() const { return parts_->rpc->address(); }
const std::string& MgmtServer::line_address() const { return parts_->line_address; }
const std::string& MgmtServer::open_line_address() const { return parts_->open_line_address; }

}  // namespace convergia::mgmt
