#include "dataserver/scrubber.h"

#include <utility>
#include <vector>

#include "common/base/status_macros.h"

namespace convergia::dataserver {
namespace {

constexpr size_t kPageRows = 64;

ChunkKey KeyAfter(ChunkKey key) {
  if (++key.chunk == 0) ++key.volume;
  return key;
}

}  // namespace

Scrubber::Scrubber(ChunkIndex* index, const ChunkReader* reader, const Clock* clock)
    : index_(index), reader_(reader), clock_(clock) {
  facts_.next = index->ScrubPosition().value_or(ChunkKey{});
  facts_.round_began = clock->Now();
}

absl::StatusOr<uint64_t> Scrubber::ScrubOnce(uint64_t bytes_max) {
  ChunkKey next = facts().next;
  uint64_t bytes = 0;
  bool is_over = false;
  while (bytes < bytes_max && !is_over) {
    CVG_ASSIGN_OR_RETURN(const auto rows, index_->List(next, kPageRows));
    is_over = rows.empty();
    for (const auto& [key, row] : rows) {
      if (bytes >= bytes_max) break;
      next = KeyAfter(key);
      if (!row.is_chunk()) continue;
      const absl::Status verified = reader_->Verify(key);
      bytes += row.length;
      absl::MutexLock lock(&mu_);
      facts_.bytes_verified += row.length;
      if (absl::IsDataLoss(verified)) ++facts_.damaged_found;
    }
  }
  if (is_over) next = ChunkKey{};
  {
    absl::MutexLock lock(&mu_);
    facts_.next = next;
  }
  if (is_over) FinishRound();
  if (bytes > 0 || is_over) {
    ChunkIndex::Batch batch;
    batch.PutScrubPosition(next);
    CVG_RETURN_IF_ERROR(index_->Write(std::move(batch)));
  }
  return bytes;
}

void Scrubber::FinishRound() {
  absl::MutexLock lock(&mu_);
  ++facts_.rounds;
  facts_.round_began = clock_->Now();
}

ScrubFacts Scrubber::facts() const {
  absl::MutexLock lock(&mu_);
  return facts_;
}

}  // namespace convergia::dataserver
