#include "common/store/rocks/rocks_format.h"

#include <utility>

#include "common/base/status_macros.h"
#include "common/store/big_endian.h"

namespace convergia::store::rocks_format {
namespace {

constexpr size_t kRevisionBytes = 8;

absl::Status Damaged() { return absl::DataLossError("the store holds a damaged record"); }

bool TakeEvent(absl::string_view* bytes, Event* event) {
  if (bytes->empty() || static_cast<unsigned char>(bytes->front()) > 1) return false;
  event->kind = bytes->front() == 0 ? Mutation::Kind::kPut : Mutation::Kind::kDelete;
  bytes->remove_prefix(1);
  return TakeString(bytes, &event->key) && TakeString(bytes, &event->value);
}

}  // namespace

std::string EncodeRevision(Revision revision) {
  std::string bytes;
  AppendInteger<uint64_t>(revision, &bytes);
  return bytes;
}

absl::StatusOr<Revision> DecodeRevision(absl::string_view bytes) {
  if (bytes.size() != kRevisionBytes) return Damaged();
  return DecodeVersion(bytes);
}

std::string EncodeRow(Revision version, absl::string_view value) {
  std::string bytes;
  bytes.reserve(kRevisionBytes + value.size());
  AppendInteger<uint64_t>(version, &bytes);
  bytes.append(value.data(), value.size());
  return bytes;
}

absl::StatusOr<KeyValue> DecodeRow(absl::string_view key, absl::string_view bytes) {
  CVG_ASSIGN_OR_RETURN(const Revision version, DecodeVersion(bytes));
  bytes.remove_prefix(kRevisionBytes);
  return KeyValue{std::string(key), std::string(bytes), version};
}

absl::StatusOr<Revision> DecodeVersion(absl::string_view bytes) {
  Revision version = 0;
  if (!TakeInteger(&bytes, &version)) return Damaged();
  return version;
}

std::string EncodeEvents(const std::vector<Event>& events) {
  std::string bytes;
  for (const Event& event : events) {
    bytes.push_back(event.kind == Mutation::Kind::kPut ? 0 : 1);
    AppendString(event.key, &bytes);
    AppendString(event.value, &bytes);
  }
  return bytes;
}

absl::StatusOr<std::vector<Event>> DecodeEvents(Revision revision, absl::string_view bytes) {
  std::vector<Event> events;
  while (!bytes.empty()) {
    Event event;
    if (!TakeEvent(&bytes, &event)) return Damaged();
    event.revision = revision;
    events.push_back(std::move(event));
  }
  if (events.empty()) return Damaged();
  return events;
}

std::string EncodeChanges(const Changes& changes) {
  std::string bytes;
  for (const std::vector<Event>& events : changes) {
    const std::string encoded = EncodeEvents(events);
    AppendInteger<uint64_t>(events.front().revision, &bytes);
    AppendInteger<uint64_t>(encoded.size(), &bytes);
    bytes += encoded;
  }
  return bytes;
}

absl::StatusOr<Changes> DecodeChanges(absl::string_view bytes) {
  Changes changes;
  while (!bytes.empty()) {
    uint64_t revision = 0, size = 0;
    if (!TakeInteger(&bytes, &revision) || !TakeInteger(&bytes, &size)) return Damaged();
    if (size > bytes.size()) return Damaged();
    if (!changes.empty() && revision != changes.back().front().revision + 1) return Damaged();
    CVG_ASSIGN_OR_RETURN(auto events, DecodeEvents(revision, bytes.substr(0, size)));
    changes.push_back(std::move(events));
    bytes.remove_prefix(size);
  }
  if (changes.empty()) return Damaged();
  return changes;
}

}  // namespace convergia::store::rocks_format
