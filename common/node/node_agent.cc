#include "common/node/node_agent.h"

#include <glog/logging.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"
#include "common/disk/real_disk.h"
#include "common/node/enrolment/enrolment.h"

namespace convergia::node {
namespace {

constexpr absl::Duration kRenewTimeout = absl::Seconds(10);
// The longest time between two saves (MgmtMemory has its own pause for parts that change often).
constexpr absl::Duration kSaveEvery = absl::Seconds(2);
// EnsureEnrolled() polls `cancelled` in this step, because no thread runs yet that could wake it.
constexpr absl::Duration kGiveUpEvery = absl::Milliseconds(100);
// The longest wait for mgmt's answer to the end of the stream.
constexpr absl::Duration kCloseTimeout = absl::Seconds(1);

absl::Duration OfTimeval(const timeval& time) { return absl::DurationFromTimeval(time); }

absl::Duration ReadCpuUsed() {
  rusage usage;
  PCHECK(getrusage(RUSAGE_SELF, &usage) == 0);
  return OfTimeval(usage.ru_utime) + OfTimeval(usage.ru_stime);
}

uint64_t ReadMemoryBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t total_pages = 0, resident_pages = 0;
  statm >> total_pages >> resident_pages;
  return resident_pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

std::string Describe(const NodeAgent::Options& options) {
  return absl::StrCat(RoleWord(options.role), " ", options.name);
}

// The error of a node whose certificate has expired and that cannot enrol.
absl::Status CannotComeBack(const absl::Status& why) {
  return absl::Status(
      why.code(),
      absl::StrCat(
          "the certificate of this node has expired, and it cannot enrol again: ", why.message(),
          "; it comes back as the same node with a token that Admin.CreateJoinToken makes "
          "for its name"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<NodeAgent>> NodeAgent::Create(const Options& options) {
  NodeFiles files(options.dir);
  CVG_RETURN_IF_ERROR(files.MakeDir());
  CVG_ASSIGN_OR_RETURN(const Epoch epoch, files.NextEpoch());
  CVG_ASSIGN_OR_RETURN(
      std::unique_ptr<rpc::HighestEpoch> mgmt_epochs,
      rpc::HighestEpoch::Open(disk::RealDisk(), files.PathOf("mgmt_epoch"), RoleWord(Role::kMgmt)));
  std::unique_ptr<NodeAgent> agent(
      new NodeAgent(options, std::move(files), epoch, std::move(mgmt_epochs)));
  agent->memory_.Load(options.clock->Now());
  const absl::Status loaded = agent->LoadCertificate();
  if (!loaded.ok() && !absl::IsNotFound(loaded)) return loaded;
  return agent;
}

NodeAgent::NodeAgent(const Options& options, NodeFiles files, Epoch epoch,
                     std::unique_ptr<rpc::HighestEpoch> mgmt_epochs)
    : options_(options),
      files_(std::move(files)),
      epoch_(epoch),
      mgmt_epochs_(std::move(mgmt_epochs)),
      memory_(files_),
      certificate_plan_(options.renew_retry),
      actor_({.executor = &executor_, .clock = options.clock},
             {.turn = [this](absl::Duration now, bool is_last) { return Turn(now, is_last); }}),
      stream_({.executor = &executor_, .clock = options.clock, .epochs = mgmt_epochs_.get()},
              StreamOptions(), MakeHooks()),
      leaders_(
          {.executor = &executor_,
           .clock = options.clock,
           .make_channel = [this](const rpc::ServerAddress& at) { return ChannelTo(at.address); },
           .on_word =
               [this](LeaderWord word) {
                 actor_.PostUrgent([this, word = std::move(word)] { OnLeader(word); });
               }}) {}

NodeAgent::~NodeAgent() { Stop(); }

absl::Status NodeAgent::LoadCertificate() {
  CVG_ASSIGN_OR_RETURN(const identity::CertificateFacts facts,
                       files_.LoadCertificate({options_.role, options_.name}));
  own_pin_ = facts.pin;
  CVG_RETURN_IF_ERROR(FindMgmt());
  has_certificate_ = true;
  certificate_ends_ = facts.not_after;
  absl::MutexLock lock(&mu_);
  certificate_plan_.OnCertificate(facts.not_before, facts.not_after);
  return absl::OkStatus();
}

absl::Status NodeAgent::FindMgmt() {
  mgmt_addresses_ = options_.mgmt_addresses;
  if (mgmt_addresses_.empty()) mgmt_addresses_ = files_.LoadMgmtAddresses();
  if (mgmt_addresses_.size() > limits::kMgmtAddressesMax) {
    mgmt_addresses_.resize(limits::kMgmtAddressesMax);
  }
  if (!mgmt_addresses_.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "mgmt: say where the management server's gRPC is; it did not say so at the enrolment");
}

std::shared_ptr<grpc::Channel> NodeAgent::ChannelTo(const std::string& address) {
  absl::MutexLock lock(&mu_);
  std::shared_ptr<grpc::Channel>& channel = channels_[address];
  if (channel == nullptr) channel = rpc::MakeChannel(address, tls_files(), {Role::kMgmt, ""});
  return channel;
}

std::shared_ptr<grpc::Channel> NodeAgent::mgmt_channel() {
  {
    absl::MutexLock lock(&mu_);
    if (attached_channel_ != nullptr) return attached_channel_;
  }
  return ChannelTo(mgmt_address());
}

absl::Status NodeAgent::EnsureEnrolled(const std::function<bool()>& cancelled) {
  const bool expired = has_certificate_ && options_.clock->Now() >= certificate_ends_;
  if (has_certificate_ && !expired) return absl::OkStatus();
  if (expired) {
    LOG(WARNING) << Describe(options_) << ": its certificate expired at "
                 << absl::FormatTime(certificate_ends_, absl::UTCTimeZone())
                 << "; it enrols again with the token in its join_token_file";
  }
  Backoff backoff(options_.plan.backoff_first, options_.plan.backoff_max, RandomSeed());
  while (true) {
    const absl::Status enrolled = EnrolOnce(
        {options_.role, options_.name}, options_.join_token_file, files_, options_.clock->Now());
    if (enrolled.ok()) break;
    if (!IsWorthRetrying(enrolled)) return expired ? CannotComeBack(enrolled) : enrolled;
    LOG(WARNING) << Describe(options_)
                 << " cannot enrol yet and will try again: " << enrolled.message();
    for (absl::Duration left = backoff.Next(); left > absl::ZeroDuration(); left -= kGiveUpEvery) {
      if (cancelled()) return absl::CancelledError("stopped before the node was enrolled");
      absl::SleepFor(std::min(left, kGiveUpEvery));
    }
  }
  LOG(INFO) << Describe(options_) << " is enrolled";
  return LoadCertificate();
}

void NodeAgent::Start(v1::Hello hello, AttachHandler* handler) {
  CHECK(has_certificate_) << "Start() before EnsureEnrolled()";
  CHECK(handler_ == nullptr) << "Start() twice";
  hello_ = std::move(hello);
  hello_.set_epoch(epoch_);
  hello_.set_version(options_.version);
  handler_ = handler;
  if (const auto welcome = memory_.welcome()) {
    handler_->OnRestored(*welcome, memory_.revocations());
    for (v1::ToNode& message : memory_.messages()) handler_->OnMessage(message);
  }
  cpu_used_ = ReadCpuUsed();
  cpu_read_at_ = RealClock::Get().Elapsed();
  ring_ = mgmt_addresses_;
  SetAddresses();
  actor_.Start();
  stream_.Start();
}

void NodeAgent::Stop() {
  leaders_.Stop();
  calls_.Stop();
  stream_.Retire(kCloseTimeout);
  stream_.Stop();
  actor_.Stop();  // Last: the others post to it, and its last turn saves the memory.
}

void NodeAgent::Wake() {
  actor_.Wake();
  stream_.Wake();
}

NodeAgent::Stream::Options NodeAgent::StreamOptions() const {
  Stream::Options options;
  options.plan = options_.plan;
  options.plan.seed = RandomSeed();
  options.queue = {.queue_bytes_max = limits::kAttachQueueBytesMax,
                   .when_full = rpc::StreamOptions::WhenFull::kCancel};
  options.self = Describe(options_);
  options.server = std::string(RoleWord(Role::kMgmt));
  return options;
}

NodeAgent::Stream::Hooks NodeAgent::MakeHooks() {
  Stream::Hooks hooks;
  hooks.make_channel = [this](const rpc::ServerAddress& at) { return ChannelTo(at.address); };
  hooks.open = [](const auto& channel, grpc::ClientContext* context, auto* reactor) {
    v1::Cluster::NewStub(channel)->async()->Attach(context, reactor);
  };
  hooks.hello = [this] {
    v1::FromNode hello;
    *hello.mutable_hello() = hello_;
    return hello;
  };
  hooks.epoch_of = [](const v1::ToNode& first) -> absl::StatusOr<Epoch> {
    if (first.has_welcome()) return first.welcome().mgmt_epoch();
    return absl::UnavailableError("what is at mgmt's address does not begin with Welcome");
  };
  hooks.on_up = [this](auto& line, v1::ToNode& first) { OnWelcome(line, first.welcome()); };
  hooks.on_message = [this](auto&, v1::ToNode& message) { OnStreamMessage(message); };
  hooks.on_down = [this](const Stream::End& end) { OnStreamClosed(end); };
  hooks.on_beat = [this] { return Beat(); };
  hooks.on_final = [this](const absl::Status& why) { OnExpelled(why); };
  return hooks;
}

// ---- on the executor

absl::Duration NodeAgent::Turn(absl::Duration elapsed, bool is_last) {
  SaveMemory(is_last ? absl::InfiniteDuration() : elapsed);
  if (is_last || !stream_.final_status().ok()) return absl::InfiniteDuration();
  const bool is_attached = stream_.is_up();
  CertificatePlan::Next next;
  absl::Status expired;
  {
    absl::MutexLock lock(&mu_);
    next = certificate_plan_.NextStep(options_.clock->Now(), elapsed, is_attached);
    if (next.step == CertificatePlan::Step::kExpire) expired = certificate_plan_.Expired();
  }
  switch (next.step) {
    case CertificatePlan::Step::kWait:
      return std::min(next.wait, kSaveEvery);
    case CertificatePlan::Step::kRenew:
      AskForRenewal();
      return absl::ZeroDuration();
    case CertificatePlan::Step::kExpire:
      stream_.GiveUp(expired);
      return absl::InfiniteDuration();
  }
  return absl::InfiniteDuration();
}

void NodeAgent::SaveMemory(absl::Duration elapsed) {
  absl::Status saved = mgmt_epochs_->Save();
  saved.Update(memory_.Save(elapsed));
  if (!saved.ok()) {
    LOG(ERROR) << Describe(options_) << " cannot keep what mgmt said: " << saved.message();
  }
}

absl::Status NodeAgent::Beat() {
  v1::FromNode message;
  v1::Heartbeat* const heartbeat = message.mutable_heartbeat();
  const absl::Duration used = ReadCpuUsed();
  const absl::Duration at = RealClock::Get().Elapsed();
  if (at > cpu_read_at_) {
    heartbeat->set_cpu(absl::FDivDuration(used - cpu_used_, at - cpu_read_at_));
  }
  cpu_used_ = used;
  cpu_read_at_ = at;
  heartbeat->set_memory_bytes(ReadMemoryBytes());
  handler_->FillHeartbeat(heartbeat);
  Send(std::move(message)).IgnoreError();  // OnStreamClosed() reports the end of a stream.
  return absl::OkStatus();
}

void NodeAgent::OnExpelled(const absl::Status& why) {
  LOG(ERROR) << Describe(options_) << " no longer has a place in the cluster: " << why.message();
  handler_->OnExpelled(why);
}

void NodeAgent::OnLeader(const LeaderWord& word) {
  std::string place;
  {
    absl::MutexLock lock(&mu_);
    place = leader_plan_.OnWord(word, mgmt_epochs_->highest(), ring_);
  }
  if (place.empty()) return;
  if (!Learn(place)) return;
  LOG(INFO) << Describe(options_) << " hears from " << word.from << " that mgmt at " << place
            << " leads, with epoch " << word.epoch;
  stream_.Prefer(place);
}

bool NodeAgent::Learn(const std::string& address) {
  if (std::find(ring_.begin(), ring_.end(), address) != ring_.end()) return true;
  if (ring_.size() >= limits::kMgmtAddressesMax) return false;
  ring_.push_back(address);
  SetAddresses();
  return true;
}

void NodeAgent::SetAddresses() {
  std::vector<rpc::ServerAddress> addresses;
  for (const std::string& address : ring_) addresses.push_back({.address = address, .name = ""});
  stream_.SetAddresses(std::move(addresses));
  leaders_.SetAddresses(ring_);
}

void NodeAgent::AskForRenewal() {
  v1::RenewRequest request;
  const absl::StatusOr<identity::PrivateKey> key = files_.LoadOrMakeKey();
  if (!key.ok()) return TakeRenewal(key.status());
  request.set_csr_pem(identity::MakeCsr(*key, {options_.role, options_.name}));
  const std::shared_ptr<v1::Cluster::Stub> stub = v1::Cluster::NewStub(mgmt_channel());
  calls_.Call(stub->async(), &v1::Cluster::StubInterface::async_interface::Renew, request,
              kRenewTimeout, [this, stub](absl::StatusOr<v1::RenewResponse> response) {
                absl::StatusOr<std::string> chain_pem = std::string();
                if (response.ok()) {
                  chain_pem = response->certificate_chain_pem();
                } else {
                  chain_pem = response.status();
                }
                actor_.PostUrgent([this, chain_pem = std::move(chain_pem)]() mutable {
                  TakeRenewal(std::move(chain_pem));
                });
              });
}

void NodeAgent::TakeRenewal(absl::StatusOr<std::string> chain_pem) {
  const absl::Status kept = chain_pem.ok() ? KeepRenewed(*chain_pem) : chain_pem.status();
  if (kept.ok()) {
    LOG(INFO) << Describe(options_) << " has a renewed certificate";
    handler_->OnRenewed(*chain_pem);
    return;
  }
  LOG(WARNING) << Describe(options_)
               << " could not renew its certificate and will try again: " << kept.message();
  absl::MutexLock lock(&mu_);
  certificate_plan_.OnRenewFailed();
}

absl::Status NodeAgent::KeepRenewed(const std::string& chain_pem) {
  CVG_ASSIGN_OR_RETURN(
      const identity::CertificateFacts facts,
      files_.SaveCertificate(chain_pem, {options_.role, options_.name}, options_.clock->Now()));
  absl::MutexLock lock(&mu_);
  certificate_plan_.OnCertificate(facts.not_before, facts.not_after);
  return absl::OkStatus();
}

// ---- from the stream, on gRPC's threads

void NodeAgent::OnWelcome(const Stream::Line& line, const v1::Welcome& welcome) {
  memory_.TakeWelcome(welcome);
  {
    absl::MutexLock lock(&mu_);
    attached_channel_ = line.channel();
    leader_plan_.OnAttached(line.epoch());
  }
  attached_ = true;
  actor_.Wake();  // The turn saves the Welcome.
  LOG(INFO) << Describe(options_) << " is attached to mgmt as node " << welcome.node_id();
  handler_->OnAttached(welcome);
}

void NodeAgent::OnStreamMessage(v1::ToNode& message) {
  if (message.has_welcome()) return;
  if (message.has_pins()) {
    memory_.TakePins(message.pins());
    for (const std::string& pin : message.pins().revoked()) {
      if (pin == own_pin_) {
        stream_.GiveUp(absl::PermissionDeniedError("the certificate of this node was revoked"));
      }
    }
    return actor_.Wake();  // The turn saves the pins.
  }
  if (message.has_revocations()) {
    memory_.TakeRevocations(message.revocations(), options_.clock->Now());
    actor_.Wake();
  }
  memory_.TakeMessage(message);
  handler_->OnMessage(message);
}

void NodeAgent::OnStreamClosed(const Stream::End& end) {
  if (end.was_wanted) {
    absl::MutexLock lock(&mu_);
    leader_plan_.OnDetached();
  }
  // If the address is in the ring already, the stream dials it by itself.
  if (!end.redirect.empty()) {
    actor_.PostUrgent([this, address = end.redirect] { Learn(address); });
  }
  if (!end.was_up) return;
  attached_ = false;
  handler_->OnDetached();
}

}  // namespace convergia::node
