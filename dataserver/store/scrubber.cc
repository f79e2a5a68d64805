#include "dataserver/store/scrubber.h"

#include <glog/logging.h>

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

Scrubber::Scrubber(ChunkIndex* index, StoreLedger* ledger, const ChunkReader* reader,
                   const Clock* clock)
    : index_(index), ledger_(ledger), reader_(reader), clock_(clock) {
  facts_.next = index->ScrubPosition().value_or(ChunkKey{});
  facts_.round_began = clock->Now();
}

absl::StatusOr<uint64_t> Scrubber::ScrubOnce(uint64_t bytes_max) {
  ChunkKey next = facts().next;
  uint64_t bytes = ScrubHeaders(bytes_max);
  bool is_over = false;
  while (bytes < bytes_max && !is_over) {
    CVG_ASSIGN_OR_RETURN(const auto rows, index_->List(next, kPageRows));
    is_over = rows.empty();
    for (const auto& [key, row] : rows) {
      if (bytes >= bytes_max) break;
      next = KeyAfter(key);
      absl::Status verified = reader_->VerifyRow(key, row);
      // Compaction moved the record, or its file is gone. Verify() tells which.
      if (absl::IsNotFound(verified) && row.is_chunk()) verified = reader_->Verify(key);
      bytes += row.record_bytes();
      Note(row.record_bytes(), verified);
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

uint64_t Scrubber::ScrubHeaders(uint64_t bytes_max) {
  uint64_t bytes = 0;
  while (bytes < bytes_max) {
    const auto found = ledger_->FindFrom(next_header_);
    if (!found.has_value()) break;
    const auto& [segment, entry] = *found;
    next_header_ = segment + 1;
    const absl::Status verified = reader_->VerifyHeader(segment, entry.row);
    bytes += kSegmentHeaderBytes;
    Note(kSegmentHeaderBytes, verified);
    if (!absl::IsDataLoss(verified)) continue;
    LOG(ERROR) << verified.message();
    ledger_->MarkBadHeader(segment);
  }
  return bytes;
}

void Scrubber::Note(uint64_t bytes, const absl::Status& verified) {
  absl::MutexLock lock(&mu_);
  facts_.bytes_verified += bytes;
  if (absl::IsDataLoss(verified)) ++facts_.damaged_found;
}

void Scrubber::FinishRound() {
  next_header_ = 0;
  absl::MutexLock lock(&mu_);
  ++facts_.rounds;
  facts_.round_began = clock_->Now();
}

ScrubFacts Scrubber::facts() const {
  absl::MutexLock lock(&mu_);
  return facts_;
}

}  // namespace convergia::dataserver
