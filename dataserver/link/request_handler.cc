#include "dataserver/link/request_handler.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"

namespace convergia::dataserver {
namespace {

// The cost of a request besides its bytes. It also bounds the number of requests.
constexpr size_t kRequestBytes = 512;

ChunkKey FromProto(const v1::ChunkKey& key) { return {key.volume(), key.chunk()}; }
void ToProto(const ChunkKey& key, v1::ChunkKey* proto) {
  proto->set_volume(key.volume);
  proto->set_chunk(key.chunk);
}

size_t RowsOf(uint32_t rows_max) {
  return rows_max == 0 ? limits::kChunkKeysMax : std::min<size_t>(rows_max, limits::kChunkKeysMax);
}

void SetError(const absl::Status& status, v1::ChunkResponse* response) {
  if (status.ok()) return;
  response->clear_result();
  v1::ChunkError* const error = response->mutable_error();
  error->set_code(static_cast<int>(status.code()));
  // Three codes are exact by themselves, so they go without the nearest FAIL word.
  if (!absl::IsDataLoss(status) && !absl::IsOutOfRange(status) &&
      !absl::IsInvalidArgument(status)) {
    error->set_fail_code(std::string(FailCodeWord(FailCodeOf(status))));
  }
  error->set_text(std::string(status.message()));
}

absl::Status Overtaken() {
  return Fail(FailCode::kUnavailable,
              "a later start of datamgr is at this data server; this was not done");
}

void Refuse(const absl::Status& why, const ChunkRequestHandler::Respond& respond) {
  v1::ChunkResponse refusal;
  SetError(why, &refusal);
  respond(std::move(refusal));
}

}  // namespace

ChunkRequestHandler::ChunkRequestHandler(const Options& options)
    : options_(options), work_(options.threads, options.window_bytes / kRequestBytes + 1) {}

ChunkRequestHandler::~ChunkRequestHandler() { Stop(); }

size_t ChunkRequestHandler::CostOf(const v1::ChunkRequest& request) {
  switch (request.operation_case()) {
    case v1::ChunkRequest::kPut:
      return kRequestBytes + request.put().bytes().size();
    case v1::ChunkRequest::kRead:
      return kRequestBytes + std::min<size_t>(request.read().length(), limits::kChunkBytesMax);
    default:
      return kRequestBytes;
  }
}

void ChunkRequestHandler::Raise(Epoch epoch) {
  std::vector<Held> overtaken;
  {
    absl::MutexLock lock(&mu_);
    if (epoch <= epoch_) return;
    epoch_ = epoch;
    overtaken_ += std::exchange(unanswered_, 0);
    overtaken.swap(held_);
  }
  for (Held& held : overtaken) Post(std::move(held));  // The thread refuses them.
}

bool ChunkRequestHandler::IsOver(Epoch epoch) const {
  absl::MutexLock lock(&mu_);
  return epoch < epoch_;
}

absl::Status ChunkRequestHandler::Admit(Epoch epoch, size_t cost) {
  absl::MutexLock lock(&mu_);
  if (stopping_) return Fail(FailCode::kUnavailable, "this data server is stopping");
  if (epoch < epoch_) return Overtaken();
  if (unanswered_bytes_ + cost > options_.window_bytes) {
    return Fail(FailCode::kBusy, "more was asked of this data server than its window takes");
  }
  ++unanswered_;
  unanswered_bytes_ += cost;
  return absl::OkStatus();
}

void ChunkRequestHandler::Release(Epoch epoch, size_t cost) {
  std::vector<Held> free;
  {
    absl::MutexLock lock(&mu_);
    unanswered_bytes_ -= cost;
    --(epoch < epoch_ ? overtaken_ : unanswered_);
    if (overtaken_ == 0) free.swap(held_);
  }
  for (Held& held : free) Post(std::move(held));
}

bool ChunkRequestHandler::Hold(const Held& held) {
  absl::MutexLock lock(&mu_);
  // A higher epoch may have come since Admit(). Then the request must not be held, because the
  // requests of that epoch wait for its answer.
  if (overtaken_ == 0 || held.epoch < epoch_) return false;
  held_.push_back(held);
  return true;
}

void ChunkRequestHandler::Post(Held held) {
  const bool posted = work_.TryPost([this, held] {
    if (!IsOver(held.epoch)) return Work(*held.request, held.respond);
    Refuse(Overtaken(), held.respond);
  });
  if (posted) return;
  Refuse(Fail(FailCode::kBusy, "this data server's disk is behind; try again"), held.respond);
}

bool ChunkRequestHandler::Drain(absl::Duration deadline) {
  absl::MutexLock lock(&mu_);
  stopping_ = true;
  return mu_.AwaitWithTimeout(absl::Condition(this, &ChunkRequestHandler::IsIdle), deadline);
}

void ChunkRequestHandler::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  work_.Stop();
}

void ChunkRequestHandler::Handle(Epoch epoch, v1::ChunkRequest request, Respond respond) {
  const size_t cost = CostOf(request);
  const uint64_t id = request.id();
  Raise(epoch);
  const absl::Status admitted = Admit(epoch, cost);
  if (!admitted.ok()) {
    return Refuse(admitted, [id, respond = std::move(respond)](v1::ChunkResponse response) {
      response.set_id(id);
      respond(std::move(response));
    });
  }
  Respond answer = [this, epoch, cost, id,
                    respond = std::move(respond)](v1::ChunkResponse response) {
    response.set_id(id);
    respond(std::move(response));
    Release(epoch, cost);
  };
  // std::function copies its captures. The shared pointer keeps the bytes of a put from that.
  Held asked{std::make_shared<v1::ChunkRequest>(std::move(request)), epoch, std::move(answer)};
  if (!Hold(asked)) Post(std::move(asked));
}

void ChunkRequestHandler::Work(v1::ChunkRequest& request, Respond respond) {
  DoneCallback done = [respond](const absl::Status& status) {
    v1::ChunkResponse response;
    SetError(status, &response);
    respond(std::move(response));
  };
  switch (request.operation_case()) {
    case v1::ChunkRequest::kPut: {
      v1::PutChunk& put = *request.mutable_put();
      return options_.store->Put(FromProto(put.key()), std::move(*put.mutable_bytes()),
                                 put.checksum(), std::move(done));
    }
    case v1::ChunkRequest::kDelete: {
      std::vector<ChunkKey> keys;
      for (const v1::ChunkKey& key : request.delete_().keys()) keys.push_back(FromProto(key));
      return options_.store->Delete(std::move(keys), std::move(done));
    }
    case v1::ChunkRequest::kDropVolume:
      return options_.store->DropVolume(request.drop_volume().volume(), std::move(done));
    default: {
      v1::ChunkResponse response;
      SetError(Answer(request, &response), &response);
      return respond(std::move(response));
    }
  }
}

absl::Status ChunkRequestHandler::Answer(const v1::ChunkRequest& request,
                                         v1::ChunkResponse* response) const {
  switch (request.operation_case()) {
    case v1::ChunkRequest::kRead:
      return AnswerRead(request.read(), response->mutable_read());
    case v1::ChunkRequest::kVerify:
      return options_.store->Verify(FromProto(request.verify().key()));
    case v1::ChunkRequest::kList:
      return AnswerList(request.list(), response->mutable_list());
    case v1::ChunkRequest::kListVolumes:
      AnswerVolumes(request.list_volumes(), response->mutable_list_volumes());
      return absl::OkStatus();
    case v1::ChunkRequest::kListDamaged:
      AnswerDamaged(request.list_damaged(), response->mutable_list_damaged());
      return absl::OkStatus();
    default:
      return absl::UnimplementedError("this data server does not know this operation");
  }
}

absl::Status ChunkRequestHandler::AnswerRead(const v1::ReadChunk& read,
                                             v1::ReadResult* result) const {
  CVG_ASSIGN_OR_RETURN(ChunkBytes bytes,
                       options_.store->Read(FromProto(read.key()), read.offset(), read.length()));
  result->set_bytes(std::move(bytes.bytes));
  result->set_checksum(bytes.checksum);
  result->set_chunk_length(bytes.chunk_length);
  return absl::OkStatus();
}

absl::Status ChunkRequestHandler::AnswerList(const v1::ListChunks& list,
                                             v1::ListChunksResult* result) const {
  const size_t rows_max = RowsOf(list.rows_max());
  CVG_ASSIGN_OR_RETURN(const std::vector<ListedChunk> chunks,
                       options_.store->List(list.volume(), list.from(), rows_max));
  for (const ListedChunk& chunk : chunks) {
    v1::ListedChunk* const row = result->add_chunks();
    row->set_chunk(chunk.chunk);
    row->set_length(chunk.length);
    row->set_checksum(chunk.checksum);
    row->set_damaged(chunk.is_bad);
  }
  if (chunks.size() == rows_max && chunks.back().chunk != ~uint64_t{0}) {
    result->set_next(chunks.back().chunk + 1);
  }
  return absl::OkStatus();
}

void ChunkRequestHandler::AnswerVolumes(const v1::ListVolumes& list,
                                        v1::ListVolumesResult* result) const {
  const size_t rows_max = RowsOf(list.rows_max());
  const std::vector<VolumeFacts> volumes = options_.store->Volumes(list.after(), rows_max);
  for (const VolumeFacts& volume : volumes) {
    v1::ListedVolume* const row = result->add_volumes();
    row->set_volume(volume.volume);
    row->set_chunks(volume.chunks);
    row->set_bytes(volume.payload_bytes);
  }
  if (volumes.size() == rows_max) result->set_next_after(volumes.back().volume);
}

void ChunkRequestHandler::AnswerDamaged(const v1::ListDamaged& list,
                                        v1::ListDamagedResult* result) const {
  const size_t rows_max = RowsOf(list.rows_max());
  const auto chunks = options_.store->BadChunks(FromProto(list.after()), rows_max);
  for (const auto& [key, reason] : chunks) {
    v1::DamagedChunk* const row = result->add_chunks();
    ToProto(key, row->mutable_key());
    row->set_reason(reason);
  }
  result->set_more(chunks.size() == rows_max);
}

}  // namespace convergia::dataserver
