#include "datamgr/repair/chunk_healer.h"

#include <glog/logging.h>
#include <xxhash.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/limits.h"

namespace convergia::datamgr {
namespace {

constexpr size_t kWaitingMax = 10'000;
constexpr size_t kAtOnce = 4;
constexpr absl::Duration kTimeout = absl::Seconds(20);

}  // namespace

struct ChunkHealer::Patient {
  Piece piece;
  absl::Mutex mu;
  size_t unanswered ABSL_GUARDED_BY(mu) = 0;
  std::vector<NodeId> bad ABSL_GUARDED_BY(mu);      // Replicas that need it.
  std::vector<NodeId> sources ABSL_GUARDED_BY(mu);  // Yet to be tried, good ones last.
  bool is_unclear ABSL_GUARDED_BY(mu) = false;      // Some server did not answer.
};

void ChunkHealer::Add(VolumeId volume, ChunkId chunk) {
  {
    absl::MutexLock lock(&mu_);
    const Piece piece = {volume, chunk};
    if (waiting_.size() >= kWaitingMax || running_.contains(piece)) return;
    waiting_.insert(piece);
  }
  Pump();
}

ChunkHealer::Counts ChunkHealer::counts() const {
  absl::MutexLock lock(&mu_);
  Counts counts = counts_;
  counts.waiting = waiting_.size() + running_.size();
  return counts;
}

void ChunkHealer::Pump() {
  std::vector<Piece> begun;
  {
    absl::MutexLock lock(&mu_);
    while (!waiting_.empty() && running_.size() < kAtOnce) {
      begun.push_back(*waiting_.begin());
      running_.insert(*waiting_.begin());
      waiting_.erase(waiting_.begin());
    }
  }
  for (const Piece& piece : begun) {
    if (!deps_.work->TryPost([this, piece] { AskCatalog(piece); })) {
      absl::MutexLock lock(&mu_);
      running_.erase(piece);
    }
  }
}

void ChunkHealer::AskCatalog(const Piece& piece) {
  if (piece.second < deps_.young()) {
    const ChunkRef ref = {piece.first, piece.second, 0};
    const auto live = deps_.live->AreLive({&ref, 1});
    if (!live.ok() || !live->front()) return End(piece);
  }
  Examine(piece);
}

void ChunkHealer::Examine(const Piece& piece) {
  auto patient = std::make_shared<Patient>();
  patient->piece = piece;
  std::vector<NodeId> replicas;
  {
    absl::MutexLock lock(&deps_.state->mu());
    const Volume* const volume = deps_.state->volumes().Find(piece.first);
    if (volume != nullptr) {
      for (const Replica& replica : volume->record.replicas) {
        if (deps_.state->servers().IsLive(replica)) replicas.push_back(replica.server);
      }
    }
    absl::MutexLock patient_lock(&patient->mu);
    patient->unanswered = replicas.size();
    for (const auto& [id, server] : deps_.state->servers().servers()) {
      const bool counted = std::count(replicas.begin(), replicas.end(), id) > 0;
      if (server.connected && !counted && server.holdings.contains(piece.first)) {
        patient->sources.push_back(id);  // Uncounted copies: the last to be tried.
      }
    }
  }
  if (replicas.empty()) return End(piece);
  for (const NodeId server : replicas) {
    v1::ChunkRequest request;
    request.mutable_verify()->mutable_key()->set_volume(piece.first);
    request.mutable_verify()->mutable_key()->set_chunk(piece.second);
    deps_.hub->Ask(server, std::move(request), ServerHub::Priority::kRepair, kTimeout,
                   [this, patient, server](const auto& response) {
                     OnVerified(patient, server, response.status());
                   });
  }
}

void ChunkHealer::OnVerified(const PatientPtr& patient, NodeId server, const absl::Status& status) {
  {
    absl::MutexLock lock(&patient->mu);
    if (status.ok()) {
      patient->sources.push_back(server);
    } else if (absl::IsDataLoss(status) || absl::IsNotFound(status)) {
      patient->bad.push_back(server);
    } else {
      patient->is_unclear = true;
    }
    if (--patient->unanswered > 0) return;
    if (patient->bad.empty()) patient->sources.clear();
  }
  Fetch(patient);
}

void ChunkHealer::Fetch(const PatientPtr& patient) {
  NodeId source = 0;
  bool is_lost = false;
  {
    absl::MutexLock lock(&patient->mu);
    if (!patient->sources.empty()) {
      source = patient->sources.back();
      patient->sources.pop_back();
    }
    is_lost = source == 0 && !patient->bad.empty() && !patient->is_unclear;
  }
  if (source == 0) {
    if (is_lost) {
      LOG(ERROR) << "chunk " << patient->piece.second << " of volume " << patient->piece.first
                 << " is whole nowhere";
      absl::MutexLock lock(&mu_);
      ++counts_.lost;
    }
    return End(patient->piece);
  }
  v1::ChunkRequest request;
  request.mutable_read()->mutable_key()->set_volume(patient->piece.first);
  request.mutable_read()->mutable_key()->set_chunk(patient->piece.second);
  request.mutable_read()->set_length(limits::kChunkBytesMax);
  deps_.hub->Ask(source, std::move(request), ServerHub::Priority::kRepair, kTimeout,
                 [this, patient](absl::StatusOr<v1::ChunkResponse> response) {
                   OnFetched(patient, std::move(response));
                 });
}

void ChunkHealer::OnFetched(const PatientPtr& patient, absl::StatusOr<v1::ChunkResponse> response) {
  if (!response.ok()) return Fetch(patient);
  const std::string& bytes = response->read().bytes();
  const uint64_t checksum = XXH3_64bits(bytes.data(), bytes.size());
  if (bytes.size() != response->read().chunk_length() || checksum != response->read().checksum()) {
    return Fetch(patient);
  }
  std::vector<NodeId> bad;
  {
    absl::MutexLock lock(&patient->mu);
    bad.swap(patient->bad);
    patient->unanswered = bad.size();
  }
  for (const NodeId server : bad) {
    v1::ChunkRequest request;
    v1::PutChunk* const put = request.mutable_put();
    put->mutable_key()->set_volume(patient->piece.first);
    put->mutable_key()->set_chunk(patient->piece.second);
    put->set_bytes(bytes);
    put->set_checksum(checksum);
    deps_.hub->Ask(server, std::move(request), ServerHub::Priority::kRepair, kTimeout,
                   [this, patient](const auto& answer) { OnPut(patient, answer.status()); });
  }
}

void ChunkHealer::OnPut(const PatientPtr& patient, const absl::Status& status) {
  if (status.ok()) {
    absl::MutexLock lock(&mu_);
    ++counts_.healed;
  }
  {
    absl::MutexLock lock(&patient->mu);
    if (--patient->unanswered > 0) return;
  }
  End(patient->piece);
}

void ChunkHealer::End(const Piece& piece) {
  {
    absl::MutexLock lock(&mu_);
    running_.erase(piece);
  }
  Pump();
}

}  // namespace convergia::datamgr
