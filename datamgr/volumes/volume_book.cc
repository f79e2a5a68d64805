#include "datamgr/volumes/volume_book.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/status_macros.h"
#include "volume_records.pb.h"

namespace convergia::datamgr {
namespace {

constexpr absl::string_view kStartKey = "v/count/start";
constexpr absl::string_view kVolumeCountKey = "v/count/volume";
constexpr absl::string_view kPolicyKey = "v/policy";
constexpr absl::string_view kServerPrefix = "v/server/";
constexpr absl::string_view kVolumePrefix = "v/volume/";

std::string KeyOf(absl::string_view prefix, uint64_t id) {
  return absl::StrCat(prefix, absl::Hex(id, absl::kZeroPad16));
}

absl::StatusOr<uint64_t> IdOf(absl::string_view prefix, absl::string_view key) {
  uint64_t id = 0;
  if (!absl::SimpleHexAtoi(key.substr(prefix.size()), &id)) {
    return absl::DataLossError(absl::StrCat("datamgr's store has a strange key: ", key));
  }
  return id;
}

absl::Status Unreadable(absl::string_view key) {
  return absl::DataLossError(absl::StrCat("datamgr's store has an unreadable row: ", key));
}

std::string RowOf(const VolumeRecord& record) {
  records::VolumeRow row;
  row.set_non_volatile(record.volume_class == VolumeClass::kNonVolatile);
  row.set_epoch(record.epoch);
  row.set_sealed(record.sealed);
  for (const Replica& replica : record.replicas) {
    records::ReplicaRow* const to = row.add_replicas();
    to->set_server(replica.server);
    to->set_store_id(replica.store);
  }
  return row.SerializeAsString();
}

absl::StatusOr<VolumeRecord> VolumeOf(const store::KeyValue& row) {
  VolumeRecord record;
  CVG_ASSIGN_OR_RETURN(record.id, IdOf(kVolumePrefix, row.key));
  records::VolumeRow from;
  if (!from.ParseFromString(row.value)) return Unreadable(row.key);
  record.volume_class = from.non_volatile() ? VolumeClass::kNonVolatile : VolumeClass::kVolatile;
  record.epoch = from.epoch();
  record.sealed = from.sealed();
  for (const records::ReplicaRow& replica : from.replicas()) {
    record.replicas.push_back({replica.server(), replica.store_id()});
  }
  return record;
}

absl::StatusOr<VolumeBook::Contents::KnownServer> ServerOf(const store::KeyValue& row) {
  VolumeBook::Contents::KnownServer server;
  CVG_ASSIGN_OR_RETURN(const uint64_t id, IdOf(kServerPrefix, row.key));
  records::DataServer from;
  if (!from.ParseFromString(row.value)) return Unreadable(row.key);
  server.config.id = static_cast<NodeId>(id);
  server.config.name = from.name();
  server.config.volume_class =
      from.non_volatile() ? VolumeClass::kNonVolatile : VolumeClass::kVolatile;
  server.config.capacity_bytes = from.capacity_bytes();
  for (const records::ServerLabel& label : from.labels()) {
    server.config.labels.emplace_back(label.key(), label.value());
  }
  server.config.drain = from.drain();
  server.store_id = from.store_id();
  server.last_seen_ms = from.last_seen_ms();
  return server;
}

absl::StatusOr<uint64_t> ReadCount(const store::Store& store, absl::string_view key,
                                   store::Revision* version) {
  CVG_ASSIGN_OR_RETURN(const auto row, store.Get(key));
  *version = row.has_value() ? row->version : 0;
  if (!row.has_value()) return 0;
  records::Count count;
  if (!count.ParseFromString(row->value)) return Unreadable(key);
  return count.last();
}

std::string CountRow(uint64_t last) {
  records::Count count;
  count.set_last(last);
  return count.SerializeAsString();
}

}  // namespace

absl::StatusOr<VolumeBook::Contents> VolumeBook::Open(absl::Time now) {
  Contents contents;
  store::Revision version = 0;
  CVG_ASSIGN_OR_RETURN(const uint64_t last, ReadCount(*store_, kStartKey, &version));
  contents.start = ChunkNumbers::NextStart(last, now);
  store::Batch batch;
  batch.IfVersion(kStartKey, version).Put(kStartKey, CountRow(contents.start));
  CVG_RETURN_IF_ERROR(store_->Commit(std::move(batch)).status());
  CVG_ASSIGN_OR_RETURN(contents.last_volume, ReadCount(*store_, kVolumeCountKey, &version));
  CVG_RETURN_IF_ERROR(
      store_->ForEach(kVolumePrefix, [&](const store::KeyValue& row) -> absl::Status {
        CVG_ASSIGN_OR_RETURN(VolumeRecord record, VolumeOf(row));
        contents.last_volume = std::max(contents.last_volume, record.id);
        contents.volumes.emplace_back(std::move(record), row.version);
        return absl::OkStatus();
      }));
  CVG_RETURN_IF_ERROR(
      store_->ForEach(kServerPrefix, [&](const store::KeyValue& row) -> absl::Status {
        CVG_ASSIGN_OR_RETURN(auto server, ServerOf(row));
        contents.servers.push_back(std::move(server));
        return absl::OkStatus();
      }));
  return contents;
}

absl::StatusOr<std::pair<VolumeRecord, store::Revision>> VolumeBook::Add(VolumeRecord record,
                                                                         VolumeId last_volume) {
  store::Revision version = 0;
  CVG_ASSIGN_OR_RETURN(const uint64_t last, ReadCount(*store_, kVolumeCountKey, &version));
  record.id = std::max<uint64_t>(last, last_volume) + 1;
  const std::string key = KeyOf(kVolumePrefix, record.id);
  store::Batch batch;
  batch.IfVersion(kVolumeCountKey, version).IfAbsent(key);
  batch.Put(kVolumeCountKey, CountRow(record.id)).Put(key, RowOf(record));
  CVG_ASSIGN_OR_RETURN(const store::Revision revision, store_->Commit(std::move(batch)));
  return std::make_pair(std::move(record), revision);
}

absl::StatusOr<store::Revision> VolumeBook::Replace(const VolumeRecord& record,
                                                    store::Revision version) {
  const std::string key = KeyOf(kVolumePrefix, record.id);
  store::Batch batch;
  batch.IfVersion(key, version).Put(key, RowOf(record));
  return store_->Commit(std::move(batch));
}

absl::Status VolumeBook::Remove(VolumeId id, store::Revision version) {
  const std::string key = KeyOf(kVolumePrefix, id);
  store::Batch batch;
  batch.IfVersion(key, version).Delete(key);
  return store_->Commit(std::move(batch)).status();
}

absl::StatusOr<v1::RepairPolicy> VolumeBook::ReadPolicy() {
  CVG_ASSIGN_OR_RETURN(const auto row, store_->Get(kPolicyKey));
  v1::RepairPolicy policy;
  if (row.has_value() && !policy.ParseFromString(row->value)) return Unreadable(kPolicyKey);
  return policy;
}

absl::Status VolumeBook::PutPolicy(const v1::RepairPolicy& policy) {
  store::Batch batch;
  batch.Put(kPolicyKey, policy.SerializeAsString());
  return store_->Commit(std::move(batch)).status();
}

absl::Status VolumeBook::PutServer(const ServerView& server) {
  records::DataServer row;
  row.set_name(server.config.name);
  row.set_non_volatile(server.config.volume_class == VolumeClass::kNonVolatile);
  row.set_capacity_bytes(server.config.capacity_bytes);
  for (const auto& [key, value] : server.config.labels) {
    records::ServerLabel* const label = row.add_labels();
    label->set_key(key);
    label->set_value(value);
  }
  row.set_drain(server.config.drain);
  row.set_store_id(server.store);
  row.set_last_seen_ms(server.last_seen_ms);
  store::Batch batch;
  batch.Put(KeyOf(kServerPrefix, server.config.id), row.SerializeAsString());
  return store_->Commit(std::move(batch)).status();
}

absl::Status VolumeBook::RemoveServer(NodeId id) {
  store::Batch batch;
  batch.Delete(KeyOf(kServerPrefix, id));
  return store_->Commit(std::move(batch)).status();
}

}  // namespace convergia::datamgr
