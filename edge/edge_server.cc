#include "edge/edge_server.h"

#include <glog/logging.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/disk/real_disk.h"
#include "common/identity/files.h"
#include "common/node/program/reachable_address.h"
#include "common/rpc/auth/call_policy.h"
#include "common/rpc/auth/credentials.h"
#include "edge/commands/data_commands.h"
#include "edge/commands/edge_commands.h"
#include "edge/commands/line_session.h"
#include "edge/sessions/admission.h"

namespace convergia::edge {
namespace {

// Sign-ins and registrations that wait for mgmt; the others read BUSY.
constexpr int kMgmtCallsMax = 1000;

}  // namespace

absl::StatusOr<std::unique_ptr<EdgeServer>> EdgeServer::Create(const EdgeSettings& settings,
                                                               OnExpelled on_expelled) {
  CVG_ASSIGN_OR_RETURN(std::unique_ptr<node::NodeAgent> agent,
                       node::NodeAgent::Create({.role = Role::kEdge,
                                                .name = settings.name,
                                                .dir = settings.dir,
                                                .mgmt_addresses = settings.mgmt_addresses,
                                                .join_token_file = settings.join_token_file,
                                                .version = kVersion}));
  return std::unique_ptr<EdgeServer>(
      new EdgeServer(settings, std::move(agent), std::move(on_expelled)));
}

EdgeServer::EdgeServer(const EdgeSettings& settings, std::unique_ptr<node::NodeAgent> agent,
                       OnExpelled on_expelled)
    : settings_(settings),
      on_expelled_(std::move(on_expelled)),
      agent_(std::move(agent)),
      hub_(&directory_, settings.sessions_per_user_max) {}

EdgeServer::~EdgeServer() { Stop(); }

absl::Status EdgeServer::Start(const std::function<bool()>& cancelled) {
  CVG_RETURN_IF_ERROR(agent_->EnsureEnrolled(cancelled));
  CVG_ASSIGN_OR_RETURN(
      datamgr_epochs_,
      rpc::HighestEpoch::Open(disk::RealDisk(), agent_->files().PathOf("datamgr_epoch"),
                              RoleWord(Role::kDatamgr)));
  MakeParts();
  CVG_RETURN_IF_ERROR(MakeLineServer());
  messages_->Start(line_server_->shards());
  CVG_RETURN_IF_ERROR(MakeRpcServer());
  agent_->Start(MakeHello(), mgmt_link_.get());
  CVG_RETURN_IF_ERROR(AwaitNodeId(cancelled));
  const NodeId self = agent_->node_id();
  hub_.set_self(self);
  links_->Start(self);
  loop_->Start(self);
  locations_->Start(self, agent_->epoch());
  relocator_->Start();
  traffic_->Start();
  line_server_->Start();
  return absl::OkStatus();
}

void EdgeServer::MakeParts() {
  const auto mgmt_channel = [this] { return agent_->mgmt_channel(); };
  mgmt_ = std::make_unique<MgmtClient>(mgmt_channel, kMgmtCallsMax);
  authenticator_ = std::make_unique<EdgeAuthenticator>(mgmt_.get(), &revoked_, &clock_);
  map_watch_ = std::make_unique<MapWatch>(mgmt_channel);
  loop_ = MakeRelayLoop();
  messages_ = std::make_unique<MessageShell>(
      MessageShell::Deps{.hub = &hub_, .loop = loop_.get(), .clock = &clock_});
  people_ = std::make_unique<PeopleCore>(mgmt_.get());
  data_ = MakeDataClient();
  data_core_ = std::make_unique<DataCore>(data_.get());
  mail_notifier_ = std::make_unique<MailNotifier>(data_core_.get(), messages_.get());
  const auto make_channel = [this](const DialPlan::Dial& dial) {
    return rpc::MakeChannel(dial.address, agent_->tls_files(), {Role::kEdge, dial.name},
                            &agent_->pins());
  };
  // If this fails, mgmt gets the news with the whole report at the next attach.
  const auto send = [this](v1::FromNode message) { (void)agent_->Send(std::move(message)); };
  locations_ = std::make_unique<LocationLoop>(
      LocationLoop::Deps{.directory = &directory_,
                         .hub = &hub_,
                         .relay = loop_.get(),
                         .clock = &clock_,
                         .send = send,
                         .is_edge = [this](NodeId node) { return IsEdge(node); },
                         .on_fresh = [this](bool fresh) { messages_->SetDirectoryFresh(fresh); }});
  links_ = std::make_unique<PeerLinks>(
      agent_->epoch(),
      PeerLinks::Deps{.loop = loop_.get(),
                      .pins = &agent_->pins(),
                      .locations = locations_.get(),
                      .make_channel = make_channel,
                      .on_links = [this](const auto& links) { mgmt_link_->ReportLinks(links); }});
  relocator_ = std::make_unique<Relocator>(
      Relocator::Deps{.hub = &hub_,
                      .messages = messages_.get(),
                      .directory = &directory_,
                      .clock = &clock_,
                      .on_drain_change = [this] { agent_->BeatNow(); }});
  traffic_ = std::make_unique<TrafficReporter>(messages_.get(), send);
  mgmt_link_ = std::make_unique<MgmtLink>(
      MgmtLink::Deps{.hub = &hub_,
                     .loop = loop_.get(),
                     .links = links_.get(),
                     .messages = messages_.get(),
                     .authenticator = authenticator_.get(),
                     .revoked = &revoked_,
                     .sessions = &sessions_,
                     .map_watch = map_watch_.get(),
                     .relocator = relocator_.get(),
                     .locations = locations_.get(),
                     .data = data_.get(),
                     .clock = &clock_},
      MgmtLink::Callbacks{.send = send,
                          .renewed = [this](const std::string& chain) { OnRenewed(chain); },
                          .expelled = on_expelled_});
}

std::unique_ptr<RelayLoop> EdgeServer::MakeRelayLoop() {
  Switchboard::Options relaying;
  relaying.is_edge = [this](NodeId node) { return IsEdge(node); };
  RelayLoop::Deps deps;
  deps.clock = &clock_;
  deps.deliver = [this](auto deliveries) { messages_->OnDeliveries(std::move(deliveries)); };
  deps.results = [this](auto& results, Switchboard& to) { messages_->OnResults(results, to); };
  deps.answer = [this](const auto& answers) { messages_->OnAnswers(answers); };
  deps.send_frame = [this](LinkId link, v1::Frame frame) {
    links_->SendFrame(link, std::move(frame));
  };
  deps.close_link = [this](LinkId link) { links_->CloseSilent(link); };
  deps.links_changed = [this](auto links) { links_->OnLinksChanged(std::move(links)); };
  deps.locations_taken = [this](auto peers) { links_->OnLocationsTaken(std::move(peers)); };
  deps.tick = [this](absl::Duration now) {
    links_->OnTick(now);
    messages_->OnTick(now);
  };
  return std::make_unique<RelayLoop>(agent_->epoch(), relaying, std::move(deps));
}

bool EdgeServer::IsEdge(NodeId node) const {
  for (const rpc::PinEntry& pin : agent_->pins().All()) {
    if (pin.role == Role::kEdge && pin.node == node) return true;
  }
  return false;
}

std::unique_ptr<DataClient> EdgeServer::MakeDataClient() {
  DataClient::Options options;
  options.make_channel = [this](const std::string& name, const std::string& address) {
    return rpc::MakeChannel(address, agent_->tls_files(), {Role::kDatamgr, name}, &agent_->pins());
  };
  options.epochs = datamgr_epochs_.get();
  options.on_arrival = [this](const v1::MessageArrival& arrival) {
    mail_notifier_->OnArrival(arrival.user(), MessageOf(arrival.message()));
  };
  options.on_up = [this] { mail_notifier_->NotifyAll(); };
  return std::make_unique<DataClient>(std::move(options));
}

absl::Status EdgeServer::MakeLineServer() {
  const rpc::TlsFiles files = agent_->tls_files();
  CVG_ASSIGN_OR_RETURN(const std::string chain,
                       identity::ReadFileToString(files.certificate_chain));
  CVG_ASSIGN_OR_RETURN(const std::string key, identity::ReadFileToString(files.key));
  CVG_ASSIGN_OR_RETURN(tls_, tls::TlsContext::Server(chain, key));
  commands_ =
      std::make_unique<lineserver::CommandTable>(MakeEdgeCommands({.messages = messages_.get(),
                                                                   .people = people_.get(),
                                                                   .map_watch = map_watch_.get(),
                                                                   .data = data_core_.get()}));
  lineserver::LineServer::Options options;
  options.listen = {{.address = settings_.line_listen, .table = commands_.get()}};
  options.shards = settings_.io_threads;
  options.limits = settings_.limits;
  options.greeting = {{"protocol", "1"},
                      {"version", kVersion},
                      {"server", settings_.name},
                      {"type", "mainserver"},
                      {"features", std::string(kStorageFeatures)},
                      {"sessions_per_user_max", absl::StrCat(settings_.sessions_per_user_max)}};
  CVG_ASSIGN_OR_RETURN(
      line_server_,
      lineserver::LineServer::Create(
          {.tls = tls_.get(), .authenticator = authenticator_.get(), .observer = this},
          std::move(options)));
  line_address_ = line_server_->addresses().front();
  return absl::OkStatus();
}

absl::Status EdgeServer::MakeRpcServer() {
  CVG_ASSIGN_OR_RETURN(
      auto credentials,
      rpc::MakeServerCredentials(agent_->tls_files(), rpc::CallPolicy::Cluster(), agent_->pins()));
  relay_service_ = std::make_unique<RelayService>(&agent_->pins(), links_.get());
  CVG_ASSIGN_OR_RETURN(rpc_server_, rpc::Server::Create({.listen = settings_.grpc_listen,
                                                         .credentials = std::move(credentials),
                                                         .services = {relay_service_.get()}}));
  return absl::OkStatus();
}

v1::Hello EdgeServer::MakeHello() const {
  const auto reachable = [this](absl::string_view bound) {
    return node::ReachableAddress(bound, agent_->mgmt_address());
  };
  const Advertised told = AdvertisedAddresses(settings_, grpc_address(), line_address_, reachable);
  v1::Hello hello;
  hello.mutable_addresses()->set_grpc(told.grpc.front());
  hello.mutable_addresses()->set_line(told.line);
  for (const std::string& address : told.grpc) hello.add_grpc_addresses(address);
  return hello;
}

absl::Status EdgeServer::AwaitNodeId(const std::function<bool()>& cancelled) {
  while (agent_->node_id() == 0) {
    if (mgmt_link_->welcomed().WaitForNotificationWithTimeout(absl::Milliseconds(100))) continue;
    CVG_RETURN_IF_ERROR(agent_->final_status());
    if (cancelled()) return absl::CancelledError("stopped before mgmt could be reached");
  }
  return absl::OkStatus();
}

void EdgeServer::OnRenewed(const std::string& chain_pem) {
  const absl::StatusOr<std::string> key = identity::ReadFileToString(agent_->tls_files().key);
  const absl::Status reloaded = key.ok() ? tls_->Reload(chain_pem, *key) : key.status();
  LOG_IF(ERROR, !reloaded.ok()) << "clients still see the old certificate: " << reloaded;
}

absl::Status EdgeServer::OnSignedIn(lineserver::Session& session) {
  const lineserver::SignedIn& who = *session.signed_in();
  CVG_RETURN_IF_ERROR(AdmitSignIn({.is_draining = relocator_->draining(),
                                   .is_revoked = revoked_.IsRevoked(who.account, who.generation)}));
  auto line_session = std::make_unique<LineSession>(session);
  CVG_RETURN_IF_ERROR(messages_->OnSignedIn(*line_session));
  mail_notifier_->Notify(*line_session);  // Its client reads OK first.
  session.set_extension(std::move(line_session));
  sessions_.Add(session, clock_.Now());
  locations_->OnChange();
  return absl::OkStatus();
}

bool EdgeServer::HoldsQuit(lineserver::Session& session) {
  return relocator_->HoldsQuit(session.id());
}

void EdgeServer::OnClosed(lineserver::Session& session) {
  relocator_->OnClosed(session.id());
  map_watch_->Remove(session);
  sessions_.Remove(session);
  messages_->OnClosed(*session.extension<LineSession>());
  locations_->OnChange();
}

void EdgeServer::Drain(absl::Duration bye_deadline) {
  if (rpc_server_ != nullptr) rpc_server_->Drain();
  if (relocator_ != nullptr) {
    relocator_->DrainToStop(settings_.drain_within);
    relocator_->AwaitGone(settings_.drain_within, [this] { return agent_->attached(); });
  }
  if (line_server_ != nullptr) line_server_->Drain(bye_deadline);
}

void EdgeServer::Stop() {
  if (traffic_ != nullptr) traffic_->Stop();
  if (relocator_ != nullptr) relocator_->Stop();
  if (line_server_ != nullptr) line_server_->Stop();
  if (locations_ != nullptr) locations_->Stop();  // Tells mgmt who left.
  agent_->Stop();
  if (data_ != nullptr) data_->Stop();
  if (mgmt_ != nullptr) {
    map_watch_->Stop();
    mgmt_->Stop();
    links_->Stop();
  }
  if (rpc_server_ != nullptr) rpc_server_->Stop(absl::ZeroDuration());
  if (loop_ != nullptr) loop_->Stop();
}

}  // namespace convergia::edge
