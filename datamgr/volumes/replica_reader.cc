#include "datamgr/volumes/replica_reader.h"

#include <xxhash.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"

namespace convergia::datamgr {
namespace {

// Three replicas and one uncounted copy: all of them fit within kChunkReadDeadline.
constexpr size_t kPlacesTried = 4;
constexpr absl::Duration kReadTimeout = absl::Seconds(6);  // For each replica.

absl::Status Verify(const v1::ReadResult& read, const ChunkRef& ref, uint32_t length) {
  if (read.bytes().size() != length || read.chunk_length() != ref.bytes) {
    return absl::DataLossError("a data server gave another number of bytes than it should have");
  }
  if (XXH3_64bits(read.bytes().data(), read.bytes().size()) != read.checksum()) {
    return absl::DataLossError("bytes were changed on their way from a data server");
  }
  return absl::OkStatus();
}

}  // namespace

struct ReplicaReader::Task {
  ChunkRef ref;
  uint32_t offset = 0;
  uint32_t length = 0;
  ChunkLayer::ReadDone done;
  ReadPlaces places;
  size_t next = 0;  // An index into places.servers.
  bool found_bad = false;
  absl::Status unreachable;  // Of the last server that did not answer; it may have the bytes.
};

void ReplicaReader::Read(const ChunkRef& ref, uint32_t offset, uint32_t length,
                         ChunkLayer::ReadDone done) {
  if (length == 0) return done(std::string());
  if (offset >= ref.bytes || length > ref.bytes - offset) {
    return done(absl::InvalidArgumentError("a read past the end of a chunk"));
  }
  auto places = deps_.state->PlacesOf(ref.volume);
  if (!places.ok()) return done(Fail(FailCode::kInternal, places.status().message()));
  auto task = std::make_shared<Task>();
  task->ref = ref;
  task->offset = offset;
  task->length = length;
  task->done = std::move(done);
  task->places = *std::move(places);
  Next(task);
}

void ReplicaReader::Next(const std::shared_ptr<Task>& task) {
  if (task->next < std::min(task->places.servers.size(), kPlacesTried)) {
    const NodeId server = task->places.servers[task->next++];
    v1::ChunkRequest request;
    v1::ReadChunk* const read = request.mutable_read();
    read->mutable_key()->set_volume(task->ref.volume);
    read->mutable_key()->set_chunk(task->ref.chunk);
    read->set_offset(task->offset);
    read->set_length(task->length);
    return deps_.hub->Ask(server, std::move(request), ServerHub::Priority::kClient, kReadTimeout,
                          [this, task](absl::StatusOr<v1::ChunkResponse> response) {
                            OnRead(task, std::move(response));
                          });
  }
  if (!task->places.away.empty()) {
    return Give(task,
                Fail(FailCode::kUnavailable, absl::StrCat("these bytes are on ", task->places.away,
                                                          "; they can be read when it is back")));
  }
  if (!task->unreachable.ok()) {
    const bool busy = FailCodeOf(task->unreachable) == FailCode::kBusy;
    return Give(task, Fail(busy ? FailCode::kBusy : FailCode::kUnavailable,
                           "the data servers did not answer; try again in a moment"));
  }
  Give(task, Fail(FailCode::kInternal,
                  "every copy of these bytes is damaged; tell the operators of this system"));
}

void ReplicaReader::OnRead(const std::shared_ptr<Task>& task,
                           absl::StatusOr<v1::ChunkResponse> response) {
  absl::Status status = response.status();
  if (status.ok()) status = Verify(response->read(), task->ref, task->length);
  if (status.ok()) return Give(task, std::move(*response->mutable_read()->mutable_bytes()));
  const bool is_bad = absl::IsDataLoss(status) || FailCodeOf(status) == FailCode::kNotFound ||
                      absl::IsOutOfRange(status);
  if (is_bad) {
    task->found_bad = true;
  } else {
    task->unreachable = status;
  }
  Next(task);
}

void ReplicaReader::Give(const std::shared_ptr<Task>& task, absl::StatusOr<std::string> result) {
  if (task->found_bad) deps_.report_bad(task->ref.volume, task->ref.chunk);
  task->done(std::move(result));
}

}  // namespace convergia::datamgr
