#include "common/node/node_agent.h"

#include <glog/logging.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"
#include "common/disk/real_disk.h"
#include "common/node/enrolment.h"
#include "common/rpc/epoch_metadata.h"
#include "common/rpc/stream_reactor.h"

namespace convergia::node {
namespace {

constexpr absl::Duration kRenewTimeout = absl::Seconds(10);
// How often a stop is looked for while nothing can be awaited: before Start() there is no thread.
constexpr absl::Duration kGiveUpEvery = absl::Milliseconds(100);
// A goodbye that mgmt does not answer is not waited for longer.
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

// Of a node whose certificate has expired.
absl::Status CannotComeBack(const absl::Status& why) {
  return absl::Status(
      why.code(),
      absl::StrCat(
          "the certificate of this node has expired, and it cannot enrol again: ", why.message(),
          "; it comes back as the same node with a token that Admin.CreateJoinToken makes "
          "for its name"));
}

}  // namespace

// The stream to mgmt; all that it hears, the agent takes.
class AttachStream final : public rpc::ClientStream<v1::ToNode, v1::FromNode> {
 public:
  explicit AttachStream(NodeAgent* agent)
      : ClientStream({.queue_bytes_max = limits::kAttachQueueBytesMax,
                      .when_full = rpc::StreamOptions::WhenFull::kCancel}),
        agent_(agent) {}

 private:
  // Welcome first, once. Before it, and from a mgmt that was replaced, nothing counts.
  void OnMessage(v1::ToNode& message) override {
    if (welcome_.has_value()) {
      if (welcome_->ok() && !message.has_welcome()) agent_->OnStreamMessage(message);
      return;
    }
    welcome_ =
        message.has_welcome()
            ? agent_->OnWelcome(message.welcome())
            : absl::UnavailableError("what is at mgmt's address does not begin with Welcome");
    if (!welcome_->ok()) Cancel(*welcome_);
  }
  void OnClosed(const absl::Status& status) override {
    agent_->OnStreamClosed(status, rpc::SaidEpoch(context()));
  }

  NodeAgent* const agent_;               // Outlives the stream: Stop() waits for OnClosed().
  std::optional<absl::Status> welcome_;  // Only in OnMessage(), which is called one at a time.
};

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
      plan_(options.plan) {}

NodeAgent::~NodeAgent() { Stop(); }

absl::Status NodeAgent::LoadCertificate() {
  CVG_ASSIGN_OR_RETURN(const identity::CertificateFacts facts,
                       files_.LoadCertificate({options_.role, options_.name}));
  own_pin_ = facts.pin;
  CVG_RETURN_IF_ERROR(FindMgmt());
  mgmt_channel_ = rpc::MakeChannel(mgmt_address_, tls_files(), {Role::kMgmt, ""});
  cluster_ = v1::Cluster::NewStub(mgmt_channel_);
  certificate_ends_ = facts.not_after;
  absl::MutexLock lock(&mu_);
  plan_.OnCertificate(facts.not_before, facts.not_after);
  return absl::OkStatus();
}

absl::Status NodeAgent::FindMgmt() {
  mgmt_address_ = options_.mgmt_address;
  if (!mgmt_address_.empty()) return absl::OkStatus();
  const std::vector<std::string> told = files_.LoadMgmtAddresses();
  if (told.empty()) {
    return absl::InvalidArgumentError(
        "mgmt: say where the management server's gRPC is; it did not say so at the enrolment");
  }
  mgmt_address_ = told.front();
  return absl::OkStatus();
}

absl::Status NodeAgent::EnsureEnrolled(const std::function<bool()>& cancelled) {
  const bool expired = cluster_ != nullptr && options_.clock->Now() >= certificate_ends_;
  if (cluster_ != nullptr && !expired) return absl::OkStatus();
  if (expired) {
    LOG(WARNING) << Describe(options_) << ": its certificate expired at "
                 << absl::FormatTime(certificate_ends_, absl::UTCTimeZone())
                 << "; it enrols again with the token in its join_token_file";
  }
  Backoff backoff(options_.plan.backoff_first, options_.plan.backoff_max, options_.plan.seed);
  while (true) {
    const absl::Status enrolled = EnrolOnce(
        {options_.role, options_.name}, options_.join_token_file, files_, options_.clock->Now());
    if (enrolled.ok()) break;
    if (!IsWorthRetrying(enrolled)) return expired ? CannotComeBack(enrolled) : enrolled;
    LOG(WARNING) << Describe(options_)
                 << " cannot enrol yet and will try again: " << enrolled.message();
    for (absl::Duration left = backoff.Next(); left > absl::ZeroDuration(); left -= kGiveUpEvery) {
      if (cancelled()) return absl::CancelledError("stopped before the node was enrolled");
      Sleep(std::min(left, kGiveUpEvery));
    }
  }
  LOG(INFO) << Describe(options_) << " is enrolled";
  return LoadCertificate();
}

void NodeAgent::Start(v1::Hello hello, AttachHandler* handler) {
  CHECK(cluster_ != nullptr) << "Start() before EnsureEnrolled()";
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
  thread_ = std::thread([this] { Loop(); });
}

void NodeAgent::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  calls_.Stop();
  if (thread_.joinable()) thread_.join();
  EndStream();  // Nobody opens another one now.
  SaveMemory(absl::InfiniteDuration());
}

void NodeAgent::EndStream() {
  std::shared_ptr<AttachStream> stream;
  {
    absl::MutexLock lock(&mu_);
    stream = stream_;
  }
  if (stream == nullptr) return;
  stream->Close();
  if (!stream->AwaitClosedFor(kCloseTimeout)) stream->Cancel();
  stream->AwaitClosed();
}

absl::Status NodeAgent::Send(v1::FromNode message) {
  std::shared_ptr<AttachStream> stream;
  {
    absl::MutexLock lock(&mu_);
    if (!plan_.attached()) return absl::UnavailableError("not attached to mgmt");
    stream = stream_;
  }
  return stream->Send(std::move(message));
}

void NodeAgent::BeatNow() {
  absl::MutexLock lock(&mu_);
  beat_due_ = true;
  awake_ = true;
}

bool NodeAgent::attached() const {
  absl::MutexLock lock(&mu_);
  return plan_.attached();
}

absl::Status NodeAgent::final_status() const {
  absl::MutexLock lock(&mu_);
  return plan_.final_status();
}

uint64_t NodeAgent::attaches() const {
  absl::MutexLock lock(&mu_);
  return attaches_;
}

void NodeAgent::Wake() {
  absl::MutexLock lock(&mu_);
  awake_ = true;
}

// ---- the agent's thread

void NodeAgent::Loop() {
  while (true) {
    SaveMemory(options_.clock->Elapsed());
    TakeRenewal();
    AttachPlan::Next next;
    bool beat = false;
    {
      absl::MutexLock lock(&mu_);
      if (stopping_) return;
      next = plan_.NextStep(options_.clock->Now(), options_.clock->Elapsed());
      beat = std::exchange(beat_due_, false) && plan_.attached();
    }
    if (beat) Beat();
    if (!Take(next)) return;
  }
}

void NodeAgent::SaveMemory(absl::Duration elapsed) {
  absl::Status saved = mgmt_epochs_->Save();
  saved.Update(memory_.Save(elapsed));
  if (!saved.ok()) {
    LOG(ERROR) << Describe(options_) << " cannot keep what mgmt said: " << saved.message();
  }
}

bool NodeAgent::Take(AttachPlan::Next next) {
  switch (next.step) {
    case AttachPlan::Step::kWait:
      Sleep(next.wait);
      return true;
    case AttachPlan::Step::kAttach:
      Attach();
      return true;
    case AttachPlan::Step::kAbandon: {
      std::shared_ptr<AttachStream> stream;
      {
        absl::MutexLock lock(&mu_);
        stream = stream_;
      }
      if (stream != nullptr) stream->Cancel(absl::UnavailableError("mgmt does not answer"));
      return true;
    }
    case AttachPlan::Step::kBeat:
      Beat();
      return true;
    case AttachPlan::Step::kRenew:
      AskForRenewal();
      return true;
    case AttachPlan::Step::kGiveUp: {
      const absl::Status why = final_status();
      EndStream();
      LOG(ERROR) << Describe(options_)
                 << " has no place in the cluster any more: " << why.message();
      handler_->OnExpelled(why);
      return false;
    }
  }
  return true;
}

// Ends early when something was reported, or at Stop().
void NodeAgent::Sleep(absl::Duration wait) {
  absl::MutexLock lock(&mu_);
  const auto awake = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return awake_ || stopping_; };
  mu_.AwaitWithTimeout(absl::Condition(&awake), std::max(wait, absl::ZeroDuration()));
  awake_ = false;
}

void NodeAgent::Attach() {
  auto stream = std::make_shared<AttachStream>(this);
  {
    absl::MutexLock lock(&mu_);
    stream_ = stream;
    ++attaches_;
  }
  stream->Start([this](grpc::ClientContext* context, auto* reactor) {
    cluster_->async()->Attach(context, reactor);
  });
  v1::FromNode hello;
  *hello.mutable_hello() = hello_;
  (void)stream->Send(std::move(hello));  // If it has ended by now, OnClosed() tells.
}

void NodeAgent::Beat() {
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
  (void)Send(std::move(message));  // If not attached any more, nobody waits for it.
}

void NodeAgent::AskForRenewal() {
  v1::RenewRequest request;
  const absl::StatusOr<identity::PrivateKey> key = files_.LoadOrMakeKey();
  if (!key.ok()) {
    absl::MutexLock lock(&mu_);
    renewal_ = key.status();
    return;
  }
  request.set_csr_pem(identity::MakeCsr(*key, {options_.role, options_.name}));
  calls_.Call(cluster_->async(), &v1::Cluster::StubInterface::async_interface::Renew, request,
              kRenewTimeout, [this](absl::StatusOr<v1::RenewResponse> response) {
                absl::MutexLock lock(&mu_);
                if (response.ok()) {
                  renewal_ = response->certificate_chain_pem();
                } else {
                  renewal_ = response.status();
                }
                awake_ = true;
              });
}

void NodeAgent::TakeRenewal() {
  absl::StatusOr<std::string> renewal;
  {
    absl::MutexLock lock(&mu_);
    if (renewal_.ok() && renewal_->empty()) return;
    renewal = std::exchange(renewal_, std::string());
  }
  const absl::Status kept = renewal.ok() ? KeepRenewed(*renewal) : renewal.status();
  if (kept.ok()) {
    LOG(INFO) << Describe(options_) << " has a renewed certificate";
    handler_->OnRenewed(*renewal);
    return;
  }
  LOG(WARNING) << Describe(options_)
               << " could not renew its certificate and will try again: " << kept.message();
  absl::MutexLock lock(&mu_);
  plan_.OnRenewFailed();
}

absl::Status NodeAgent::KeepRenewed(const std::string& chain_pem) {
  CVG_ASSIGN_OR_RETURN(
      const identity::CertificateFacts facts,
      files_.SaveCertificate(chain_pem, {options_.role, options_.name}, options_.clock->Now()));
  absl::MutexLock lock(&mu_);
  plan_.OnCertificate(facts.not_before, facts.not_after);
  return absl::OkStatus();
}

// ---- from the stream, on gRPC's threads

absl::Status NodeAgent::OnWelcome(const v1::Welcome& welcome) {
  const absl::Status admitted = mgmt_epochs_->Admit(welcome.mgmt_epoch());
  if (absl::IsUnavailable(admitted)) return admitted;
  // A disk that takes nothing must not keep the node from mgmt. The loop writes it later.
  LOG_IF(ERROR, !admitted.ok()) << Describe(options_)
                                << " cannot keep mgmt's epoch yet: " << admitted.message();
  memory_.TakeWelcome(welcome);
  {
    absl::MutexLock lock(&mu_);
    plan_.OnAttached(options_.clock->Elapsed());
    complaint_.clear();
    awake_ = true;
  }
  LOG(INFO) << Describe(options_) << " is attached to mgmt as node " << welcome.node_id();
  handler_->OnAttached(welcome);
  return absl::OkStatus();
}

void NodeAgent::OnStreamMessage(v1::ToNode& message) {
  if (message.has_pins()) {
    memory_.TakePins(message.pins());
    absl::MutexLock lock(&mu_);
    for (const std::string& pin : message.pins().revoked()) {
      if (pin == own_pin_) {
        plan_.OnExpelled(absl::PermissionDeniedError("the certificate of this node was revoked"));
      }
    }
    awake_ = true;  // To write them down.
    return;
  }
  if (message.has_revocations()) {
    memory_.TakeRevocations(message.revocations(), options_.clock->Now());
    Wake();
  }
  memory_.TakeMessage(message);
  handler_->OnMessage(message);
}

std::string NodeAgent::Complaint(const absl::Status& status, std::optional<Epoch> said) const {
  if (status.ok()) return "mgmt ended the stream";
  std::string why(status.message());
  if (said.has_value() && *said < mgmt_epochs_->highest()) {
    absl::StrAppend(&why, " (this does not count: that mgmt, of epoch ", *said,
                    ", was replaced by a later start, of epoch ", mgmt_epochs_->highest(), ")");
  }
  return why;
}

void NodeAgent::OnStreamClosed(const absl::Status& status, std::optional<Epoch> said) {
  // A refusal by a later start than any before: earlier ones count no longer, also after a restart.
  if (said.has_value() && *said > mgmt_epochs_->highest()) mgmt_epochs_->Admit(*said).IgnoreError();
  const bool was_attached = attached();
  // Before the loop may open the next one, so that the handler's calls come one at a time.
  if (was_attached) handler_->OnDetached();
  absl::MutexLock lock(&mu_);
  plan_.OnDetached(status, said, mgmt_epochs_->highest(), options_.clock->Elapsed());
  awake_ = true;
  const std::string why = Complaint(status, said);
  // A mgmt that is away for long is said once and not every few seconds.
  if (stopping_ || (!was_attached && why == complaint_)) return;
  complaint_ = why;
  LOG(WARNING) << Describe(options_)
               << (was_attached ? " lost mgmt at " : " cannot attach to mgmt at ") << mgmt_address_
               << ": " << why;
}

}  // namespace convergia::node
