#include "tools/devcluster/cluster.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/identity/files.h"
#include "common/rpc/auth/role_proto.h"
#include "tools/devcluster/cluster_json.h"
#include "tools/devcluster/free_ports.h"

namespace convergia::devcluster {
namespace {

constexpr absl::Duration kStopPatience = absl::Seconds(10);
constexpr absl::Duration kAskAgainAfter = absl::Milliseconds(50);

// The last lines of a log, for the text of an error.
std::string EndOf(const std::string& log) {
  constexpr std::streamoff kBytes = 2000;
  std::ifstream file(log, std::ios::binary | std::ios::ate);
  const std::streamoff size = file.tellg();
  file.seekg(std::max<std::streamoff>(0, size - kBytes));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

Cluster::Cluster(const Options& options)
    : options_(options), dir_(std::filesystem::absolute(options.dir).lexically_normal()) {}

absl::StatusOr<std::unique_ptr<Cluster>> Cluster::Create(const Options& options) {
  if (options.dir.empty()) return absl::InvalidArgumentError("a cluster needs a directory");
  std::unique_ptr<Cluster> cluster(new Cluster(options));
  CVG_RETURN_IF_ERROR(cluster->PlanMembers());
  CVG_RETURN_IF_ERROR(cluster->LockDirectory());
  return cluster;
}

Cluster::~Cluster() {
  Stop();
  if (lock_file_ >= 0) close(lock_file_);
}

std::string Cluster::PathOf(absl::string_view name) const { return absl::StrCat(dir_, "/", name); }
std::string Cluster::json_file() const { return PathOf("cluster.json"); }

rpc::TlsFiles Cluster::operator_files() const {
  return {.ca = PathOf("mgmt/ca.pem"),
          .certificate_chain = PathOf("mgmt/operator.pem"),
          .key = PathOf("mgmt/operator.key")};
}

absl::Status Cluster::PlanMembers() {
  for (const NodeKind& kind : NodeKinds()) CVG_RETURN_IF_ERROR(AddMembers(kind));
  return absl::OkStatus();
}

absl::Status Cluster::AddMembers(const NodeKind& kind) {
  const int count = options_.counts.*kind.count;
  if (count == 0) return absl::OkStatus();
  if (count < 0) return absl::InvalidArgumentError("the number of nodes cannot be negative");
  std::string program;
  if (const auto given = options_.programs.find(kind.role); given != options_.programs.end()) {
    program = given->second;
  } else {
    CVG_ASSIGN_OR_RETURN(program, FindProgram(kind.program));
  }
  for (int i = 1; i <= count; ++i) {
    auto member = std::make_unique<Member>();
    member->kind = &kind;
    NodePlan& plan = member->plan;
    plan.name = kind.role == Role::kMgmt ? std::string(kind.name_prefix)
                                         : absl::StrCat(kind.name_prefix, i);
    plan.dir = PathOf(plan.name);
    plan.join_token_file = PathOf(absl::StrCat(plan.name, ".token"));
    member->config = PathOf(absl::StrCat(plan.name, ".textproto"));
    member->log = PathOf(absl::StrCat(plan.name, ".log"));
    const auto launcher = options_.launchers.find(plan.name);
    if (launcher != options_.launchers.end()) member->command = launcher->second;
    member->command.push_back(program);
    members_.push_back(std::move(member));
  }
  return absl::OkStatus();
}

absl::Status Cluster::LockDirectory() {
  std::error_code error;
  std::filesystem::create_directories(dir_, error);
  const std::string path = PathOf("devcluster.pid");
  lock_file_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_file_ < 0) {
    return absl::UnavailableError(absl::StrCat(path, ": ", strerror(errno)));
  }
  if (flock(lock_file_, LOCK_EX | LOCK_NB) != 0) {
    char pid[32] = {};
    [[maybe_unused]] const ssize_t count = pread(lock_file_, pid, sizeof(pid) - 1, 0);
    return absl::FailedPreconditionError(
        absl::StrCat("a cluster is already running in ", dir_, " (devcluster has pid ", pid,
                     "): stop that one first, or use another directory"));
  }
  const std::string pid = absl::StrCat(getpid());
  if (ftruncate(lock_file_, 0) != 0 || pwrite(lock_file_, pid.data(), pid.size(), 0) < 0) {
    return absl::UnavailableError(absl::StrCat(path, ": ", strerror(errno)));
  }
  std::filesystem::remove(json_file(), error);  // The file exists only while the cluster is ready.
  return absl::OkStatus();
}

absl::Status Cluster::Start() {
  CVG_RETURN_IF_ERROR(AssignPorts());
  CVG_RETURN_IF_ERROR(StartNodes());
  CVG_RETURN_IF_ERROR(AwaitWhole(options_.ready_timeout));
  for (const Account& account : options_.accounts) {
    const absl::Status added = AddAccount(account);
    if (!added.ok() && !absl::IsAlreadyExists(added)) return added;
  }
  return WriteJson();
}

absl::Status Cluster::AssignPorts() {
  int count = 0;
  for (const auto& member : members_) count += member->kind->ports;
  CVG_ASSIGN_OR_RETURN(std::vector<int> ports, FindFreePorts(count));
  for (const auto& member : members_) {
    member->plan.ports.assign(ports.end() - member->kind->ports, ports.end());
    ports.resize(ports.size() - member->kind->ports);
  }
  return absl::OkStatus();
}

absl::Status Cluster::StartNodes() {
  Member* const mgmt = members_.front().get();
  CVG_RETURN_IF_ERROR(WriteConfig(mgmt));
  CVG_RETURN_IF_ERROR(InitMgmt(*mgmt));
  CVG_RETURN_IF_ERROR(Launch(mgmt));
  CVG_RETURN_IF_ERROR(AwaitReady(mgmt));
  operator_ = std::make_unique<Operator>(mgmt->addresses.grpc, operator_files());
  for (const auto& member : members_) {
    if (member.get() == mgmt) continue;
    member->plan.mgmt_address = mgmt->addresses.grpc;
    member->plan.datamgr_address = DatamgrAddress();
    CVG_RETURN_IF_ERROR(WriteConfig(member.get()));
    CVG_RETURN_IF_ERROR(PrepareToEnrol(*member));
    CVG_RETURN_IF_ERROR(Launch(member.get()));
  }
  for (const auto& member : members_) CVG_RETURN_IF_ERROR(AwaitReady(member.get()));
  for (const auto& member : members_) {
    if (member->kind->storage_class == v1::STORAGE_CLASS_UNSPECIFIED) continue;
    CVG_RETURN_IF_ERROR(operator_->SetStorageClass(member->plan.name, member->kind->storage_class));
  }
  return absl::OkStatus();
}

std::string Cluster::DatamgrAddress() const {
  for (const auto& member : members_) {
    if (member->kind->role == Role::kDatamgr) {
      return absl::StrCat("127.0.0.1:", member->plan.ports.front());
    }
  }
  return "";
}

absl::Status Cluster::WriteConfig(Member* member) {
  return identity::WriteFileAtomically(
      member->config, member->kind->make_config(member->plan, options_.config_changes),
      identity::kPublicFileMode);
}

absl::Status Cluster::InitMgmt(const Member& mgmt) {
  if (std::filesystem::exists(operator_files().key)) return absl::OkStatus();
  Process::Options init;
  init.arguments = mgmt.command;
  init.arguments.push_back(absl::StrCat("--config=", mgmt.config));
  init.arguments.push_back("--init");
  init.log = mgmt.log;
  CVG_ASSIGN_OR_RETURN(const auto process, Process::Start(init));
  const std::optional<int> status = process->AwaitExit(options_.ready_timeout);
  if (status == 0) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("mgmt --init failed with ",
                   status ? DescribeWaitStatus(*status) : std::string("no end in sight"),
                   "; its log ends with:\n", EndOf(mgmt.log)));
}

absl::Status Cluster::PrepareToEnrol(const Member& member) {
  if (std::filesystem::exists(member.plan.dir + "/node.pem")) return absl::OkStatus();
  CVG_ASSIGN_OR_RETURN(
      const std::string token,
      operator_->CreateJoinToken(rpc::RoleToProto(member.kind->role), member.plan.name));
  return identity::WriteFileAtomically(member.plan.join_token_file, token,
                                       identity::kSecretFileMode);
}

absl::Status Cluster::Launch(Member* member) {
  const auto life = std::make_shared<Life>();
  const std::string name = member->plan.name;
  {
    absl::MutexLock lock(&mu_);
    lives_[name] = life;
  }
  Process::Options options;
  options.arguments = member->command;
  options.arguments.push_back(absl::StrCat("--config=", member->config));
  options.log = member->log;
  options.on_line = [this, life](absl::string_view line) {
    const std::optional<ReadyLine> ready = ParseReadyLine(line);
    if (!ready.has_value()) return;
    absl::MutexLock lock(&mu_);
    life->ready = ready;
  };
  options.on_exit = [this, life, name](int wait_status) {
    absl::MutexLock lock(&mu_);
    life->wait_status = wait_status;
    if (life->expected_to_end || !life->ready.has_value()) return;
    deaths_.push_back({name, DescribeWaitStatus(wait_status)});
  };
  CVG_ASSIGN_OR_RETURN(member->process, Process::Start(std::move(options)));
  return absl::OkStatus();
}

absl::Status Cluster::AwaitReady(Member* member) {
  absl::MutexLock lock(&mu_);
  const Life& life = *lives_[member->plan.name];
  const auto decided = [&] { return interrupted_ || life.ready || life.wait_status; };
  mu_.AwaitWithTimeout(absl::Condition(&decided), options_.ready_timeout);
  if (life.ready.has_value()) {
    member->addresses = *life.ready;
    return absl::OkStatus();
  }
  if (interrupted_) return absl::CancelledError("interrupted");
  const std::string what =
      life.wait_status
          ? absl::StrCat("ended with ", DescribeWaitStatus(*life.wait_status))
          : absl::StrCat("did not say READY in ", absl::FormatDuration(options_.ready_timeout));
  return absl::UnavailableError(absl::StrCat(member->plan.name, " ", what, "; its log (",
                                             member->log, ") ends with:\n", EndOf(member->log)));
}

void Cluster::ExpectEnd(const Member& member) {
  absl::MutexLock lock(&mu_);
  lives_[member.plan.name]->expected_to_end = true;
}

void Cluster::Stop() {
  if (members_.empty()) return;
  const absl::Span<const std::unique_ptr<Member>> all = members_;
  StopAll(all.subspan(1));
  StopAll(all.subspan(0, 1));  // mgmt stops last, so that the other nodes can detach in order.
}

void Cluster::StopAll(absl::Span<const std::unique_ptr<Member>> members) {
  for (const auto& member : members) {
    if (member->process == nullptr) continue;
    ExpectEnd(*member);
    member->process->Signal(SIGTERM);
    member->process->Signal(SIGCONT);  // Continues a paused process.
  }
  const absl::Duration deadline = RealClock::Get().Elapsed() + kStopPatience;
  for (const auto& member : members) {
    if (member->process == nullptr) continue;
    member->process->AwaitExit(deadline - RealClock::Get().Elapsed());
    member->process.reset();  // Kills a process that ignored SIGTERM.
  }
}

Cluster::Node Cluster::Describe(const Member& member) {
  return {.name = member.plan.name,
          .role = member.kind->role,
          .pid = member.is_running() ? member.process->pid() : -1,
          .grpc = member.addresses.grpc,
          .line = member.addresses.line,
          .open_line = member.addresses.open_line,
          .http = member.addresses.http,
          .dir = member.plan.dir,
          .log = member.log};
}

std::vector<Cluster::Node> Cluster::nodes() const {
  std::vector<Node> nodes;
  for (const auto& member : members_) nodes.push_back(Describe(*member));
  return nodes;
}

absl::StatusOr<Cluster::Node> Cluster::node(absl::string_view name) const {
  for (const auto& member : members_) {
    if (member->plan.name == name) return Describe(*member);
  }
  return absl::NotFoundError(absl::StrCat("this cluster has no node ", name));
}

absl::StatusOr<Cluster::Member*> Cluster::FindRunning(absl::string_view name) const {
  CVG_RETURN_IF_ERROR(node(name).status());
  for (const auto& member : members_) {
    if (member->plan.name == name && member->is_running()) return member.get();
  }
  return absl::FailedPreconditionError(absl::StrCat(name, " is down"));
}

absl::Status Cluster::Kill(absl::string_view name) {
  CVG_ASSIGN_OR_RETURN(Member* const member, FindRunning(name));
  ExpectEnd(*member);
  member->process.reset();
  return absl::OkStatus();
}

absl::Status Cluster::Terminate(absl::string_view name, absl::Duration timeout) {
  CVG_ASSIGN_OR_RETURN(Member* const member, FindRunning(name));
  ExpectEnd(*member);
  member->process->Signal(SIGTERM);
  const std::optional<int> status = member->process->AwaitExit(timeout);
  if (!status.has_value()) {
    return absl::DeadlineExceededError(absl::StrCat(name, " does not end after SIGTERM"));
  }
  if (*status != 0) {
    return absl::InternalError(absl::StrCat(name, ": ", DescribeWaitStatus(*status)));
  }
  return absl::OkStatus();
}

absl::Status Cluster::Restart(absl::string_view name) {
  CVG_RETURN_IF_ERROR(node(name).status());
  for (const auto& member : members_) {
    if (member->plan.name != name) continue;
    ExpectEnd(*member);
    member->process.reset();
    CVG_RETURN_IF_ERROR(Launch(member.get()));
    CVG_RETURN_IF_ERROR(AwaitReady(member.get()));
  }
  return WriteJson();
}

absl::Status Cluster::Pause(absl::string_view name) {
  CVG_ASSIGN_OR_RETURN(Member* const member, FindRunning(name));
  member->process->Stop();
  return absl::OkStatus();
}

absl::Status Cluster::Continue(absl::string_view name) {
  CVG_ASSIGN_OR_RETURN(Member* const member, FindRunning(name));
  member->process->Signal(SIGCONT);
  return absl::OkStatus();
}

absl::Status Cluster::AddAccount(const Account& account) {
  const absl::Status added = operator_->CreateAccount(account.name, account.password);
  if (added.ok()) return added;
  return absl::Status(added.code(),
                      absl::StrCat("the account ", account.name, ": ", added.message()));
}

absl::Status Cluster::AwaitWhole(absl::Duration timeout) {
  const absl::Duration deadline = RealClock::Get().Elapsed() + timeout;
  while (true) {
    const auto map = operator_->GetClusterMap();
    const std::string missing = map.ok() ? Missing(*map) : map.status().ToString();
    if (missing.empty()) return absl::OkStatus();
    if (RealClock::Get().Elapsed() >= deadline) return absl::DeadlineExceededError(missing);
    absl::MutexLock lock(&mu_);
    if (mu_.AwaitWithTimeout(absl::Condition(&interrupted_), kAskAgainAfter)) {
      return absl::CancelledError("interrupted");
    }
  }
}

std::string Cluster::Missing(const v1::GetClusterMapResponse& map) const {
  std::set<std::string> alive;
  for (const v1::Node& node : map.nodes()) {
    if (node.liveness() == v1::LIVENESS_ALIVE) alive.insert(node.name());
  }
  std::set<std::pair<std::string, std::string>> linked;
  for (const v1::Link& link : map.links()) linked.insert(std::minmax(link.from(), link.to()));

  std::vector<std::string> edges;
  for (const auto& member : members_) {
    if (member->kind->role == Role::kMgmt || !member->is_running()) continue;
    const std::string& name = member->plan.name;
    if (alive.count(name) == 0) return absl::StrCat("mgmt does not hear from ", name);
    if (member->kind->role != Role::kEdge || !options_.await_links) continue;
    for (const std::string& other : edges) {
      if (linked.count(std::minmax(other, name)) == 0) {
        return absl::StrCat("there is no link between ", other, " and ", name);
      }
    }
    edges.push_back(name);
  }
  return MissingAtDatamgr(map);
}

std::string Cluster::MissingAtDatamgr(const v1::GetClusterMapResponse& map) const {
  std::map<std::string, uint32_t> ids;
  for (const v1::Node& node : map.nodes()) ids[node.name()] = node.node_id();
  for (const v1::Node& datamgr : map.nodes()) {
    if (datamgr.role() != v1::ROLE_DATAMGR || !FindRunning(datamgr.name()).ok()) continue;
    const std::set<uint32_t> connected(datamgr.connected().begin(), datamgr.connected().end());
    for (const auto& member : members_) {
      const Role role = member->kind->role;
      if (role != Role::kEdge && role != Role::kDataserver) continue;
      if (!member->is_running() || connected.count(ids[member->plan.name]) > 0) continue;
      return absl::StrCat(datamgr.name(), " is not connected to ", member->plan.name);
    }
  }
  return "";
}

absl::Status Cluster::WriteJson() const {
  return identity::WriteFileAtomically(json_file(), ClusterJson(nodes(), operator_files()),
                                       identity::kPublicFileMode);
}

std::optional<Cluster::Death> Cluster::AwaitDeath() {
  absl::MutexLock lock(&mu_);
  const auto decided = [&] { return interrupted_ || !deaths_.empty(); };
  mu_.Await(absl::Condition(&decided));
  if (interrupted_) return std::nullopt;
  Death death = std::move(deaths_.front());
  deaths_.pop_front();
  return death;
}

void Cluster::Interrupt() {
  absl::MutexLock lock(&mu_);
  interrupted_ = true;
}

}  // namespace convergia::devcluster
