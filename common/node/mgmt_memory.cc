#include "common/node/mgmt_memory.h"

#include <glog/logging.h>
#include <google/protobuf/text_format.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/identity/files.h"
#include "common/rpc/auth/role_proto.h"

namespace convergia::node {
namespace {

constexpr char kWelcomeFile[] = "welcome.textproto";
constexpr char kPinsFile[] = "pins.textproto";
constexpr char kRevocationsFile[] = "revocations.textproto";
constexpr char kEdgesFile[] = "edges.textproto";
constexpr char kRoutesFile[] = "routes.textproto";

// Routes change with every link, and the disk need not have each change.
constexpr absl::Duration kSaveWaysEvery = absl::Seconds(5);

// Leaves out entries of roles that this version does not know: they cannot call it anyway. Also
// leaves out entries beyond limits::kPinsMax.
std::vector<rpc::PinEntry> EntriesOf(const v1::Pins& pins) {
  std::vector<rpc::PinEntry> entries;
  for (const v1::PinEntry& entry : pins.valid()) {
    const std::optional<Role> role = rpc::RoleFromProto(entry.role());
    if (!role.has_value() || entries.size() >= limits::kPinsMax) continue;
    entries.push_back({entry.pin(), *role, entry.name(), entry.node_id()});
  }
  return entries;
}

v1::Pins ProtoOf(const std::vector<rpc::PinEntry>& entries) {
  v1::Pins pins;
  pins.set_whole(true);
  for (const rpc::PinEntry& entry : entries) {
    v1::PinEntry* const row = pins.add_valid();
    row->set_pin(entry.pin);
    row->set_role(rpc::RoleToProto(entry.role));
    row->set_name(entry.name);
    row->set_node_id(entry.node);
  }
  return pins;
}

}  // namespace

template <typename Message>
std::optional<Message> MgmtMemory::LoadText(absl::string_view file) const {
  const std::string path = files_.PathOf(file);
  const absl::StatusOr<std::string> text = identity::ReadFileToString(path, file_bytes_max_);
  if (absl::IsNotFound(text.status())) return std::nullopt;
  Message message;
  if (!text.ok() || !google::protobuf::TextFormat::ParseFromString(*text, &message)) {
    LOG(WARNING) << path << " cannot be read; waiting for mgmt to say it again";
    return std::nullopt;
  }
  return message;
}

absl::Status MgmtMemory::SaveText(absl::string_view file,
                                  const google::protobuf::Message& message) const {
  const std::string path = files_.PathOf(file);
  std::string text;
  CHECK(google::protobuf::TextFormat::PrintToString(message, &text));
  if (text.size() > file_bytes_max_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("what mgmt said has ", text.size(), " bytes, too many for ", path,
                     "; after a restart this node will wait for mgmt before it serves anybody"));
  }
  return identity::WriteFileAtomically(path, text, identity::kSecretFileMode);
}

void MgmtMemory::Load(absl::Time now) {
  const auto welcome = LoadText<v1::Welcome>(kWelcomeFile);
  const auto pins = LoadText<v1::Pins>(kPinsFile);
  const auto revocations = LoadText<v1::Revocations>(kRevocationsFile);
  const auto edges = LoadText<v1::Edges>(kEdgesFile);
  const auto routes = LoadText<v1::Routes>(kRoutesFile);
  if (pins.has_value()) pins_.Replace(EntriesOf(*pins));
  absl::MutexLock lock(&mu_);
  welcome_ = welcome;
  edges_ = edges;
  routes_ = routes;
  if (revocations.has_value()) Merge(*revocations, now);
}

absl::Status MgmtMemory::SaveWays(absl::Duration elapsed) {
  std::optional<v1::Edges> edges;
  std::optional<v1::Routes> routes;
  {
    absl::MutexLock lock(&mu_);
    if (elapsed - ways_saved_ < kSaveWaysEvery) return absl::OkStatus();
    if (!edges_due_ && !routes_due_) return absl::OkStatus();
    ways_saved_ = elapsed;
    if (std::exchange(edges_due_, false)) edges = edges_;
    if (std::exchange(routes_due_, false)) routes = routes_;
  }
  absl::Status saved;
  if (edges.has_value()) saved.Update(SaveText(kEdgesFile, *edges));
  if (routes.has_value()) saved.Update(SaveText(kRoutesFile, *routes));
  if (saved.ok()) return saved;
  absl::MutexLock lock(&mu_);
  edges_due_ |= edges.has_value();
  routes_due_ |= routes.has_value();
  return saved;
}

absl::Status MgmtMemory::Save(absl::Duration elapsed) {
  absl::Status saved = SaveWays(elapsed);
  std::optional<v1::Welcome> welcome;
  std::optional<v1::Revocations> revocations;
  bool pins = false;
  {
    // The marks are cleared before the writes, so a change during a write is due again.
    absl::MutexLock lock(&mu_);
    if (std::exchange(welcome_due_, false)) welcome = welcome_;
    pins = std::exchange(pins_due_, false);
    if (std::exchange(revocations_due_, false)) {
      revocations.emplace().set_whole(true);
      for (const auto& [account, row] : revocations_) *revocations->add_tickets() = row;
    }
  }
  if (welcome.has_value()) saved.Update(SaveText(kWelcomeFile, *welcome));
  if (pins) saved.Update(SaveText(kPinsFile, ProtoOf(pins_.All())));
  if (revocations.has_value()) {
    saved.Update(SaveText(kRevocationsFile, *revocations));
  }
  if (!saved.ok()) {
    absl::MutexLock lock(&mu_);
    welcome_due_ |= welcome.has_value();
    pins_due_ |= pins;
    revocations_due_ |= revocations.has_value();
  }
  return saved;
}

void MgmtMemory::TakeWelcome(const v1::Welcome& welcome) {
  absl::MutexLock lock(&mu_);
  welcome_ = welcome;
  welcome_due_ = true;
}

void MgmtMemory::TakePins(const v1::Pins& pins) {
  if (pins.whole()) {
    pins_.Replace(EntriesOf(pins));
  } else {
    pins_.Apply(EntriesOf(pins), {pins.revoked().begin(), pins.revoked().end()});
  }
  absl::MutexLock lock(&mu_);
  pins_due_ = true;
}

void MgmtMemory::TakeMessage(const v1::ToNode& message) {
  absl::MutexLock lock(&mu_);
  if (message.has_edges()) {
    edges_ = message.edges();
    edges_due_ = true;
  } else if (message.has_routes()) {
    routes_ = message.routes();
    routes_due_ = true;
  } else if (message.has_ticket_keys() && welcome_.has_value()) {
    *welcome_->mutable_ticket_public_keys() = message.ticket_keys().public_keys();
    welcome_due_ = true;
  }
}

std::vector<v1::ToNode> MgmtMemory::messages() const {
  std::vector<v1::ToNode> messages;
  absl::MutexLock lock(&mu_);
  if (edges_.has_value()) *messages.emplace_back().mutable_edges() = *edges_;
  if (routes_.has_value()) *messages.emplace_back().mutable_routes() = *routes_;
  return messages;
}

void MgmtMemory::TakeRevocations(const v1::Revocations& revocations, absl::Time now) {
  absl::MutexLock lock(&mu_);
  if (revocations.whole()) revocations_.clear();
  Merge(revocations, now);
  revocations_due_ = true;
}

NodeId MgmtMemory::node_id() const {
  absl::MutexLock lock(&mu_);
  return welcome_.has_value() ? welcome_->node_id() : 0;
}

std::optional<v1::Welcome> MgmtMemory::welcome() const {
  absl::MutexLock lock(&mu_);
  return welcome_;
}

v1::Revocations MgmtMemory::revocations() const {
  absl::MutexLock lock(&mu_);
  v1::Revocations whole;
  whole.set_whole(true);
  for (const auto& [account, row] : revocations_) *whole.add_tickets() = row;
  return whole;
}

void MgmtMemory::Merge(const v1::Revocations& revocations, absl::Time now) {
  for (const v1::TicketRevocation& row : revocations.tickets()) {
    v1::TicketRevocation& kept = revocations_[row.account_id()];
    if (kept.generation() <= row.generation()) kept = row;  // A generation never goes back.
  }
  // After that time the tickets of earlier generations have expired by themselves.
  const int64_t expired_anyway_ms = absl::ToUnixMillis(now - limits::kGenerationsToldFor);
  std::erase_if(revocations_, [expired_anyway_ms](const auto& item) {
    return item.second.raised_ms() < expired_anyway_ms;
  });
}

}  // namespace convergia::node
