#include "dataserver/store/chunk_store.h"

#include <glog/logging.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"

namespace convergia::dataserver {
namespace {

constexpr uint64_t kMiB = 1024 * 1024;
constexpr size_t kOpenFilesMax = 128;
constexpr absl::Duration kHousekeepingPeriod = absl::Milliseconds(500);
// After this many compactions in a row, the scrub has its turn.
constexpr int kCompactionsInARowMax = 64;

}  // namespace

absl::StatusOr<std::unique_ptr<ChunkStore>> ChunkStore::Open(const Options& options) {
  std::unique_ptr<ChunkStore> store(new ChunkStore(options));
  CVG_RETURN_IF_ERROR(store->OpenParts());
  if (options.does_housekeeping) {
    store->housekeeper_ = std::thread([store = store.get()] { store->KeepHouse(); });
  }
  return store;
}

absl::Status ChunkStore::ChooseSizes() {
  CVG_ASSIGN_OR_RETURN(const disk::Space space, options_.disk->FreeSpace(options_.dir));
  if (options_.segment_bytes == 0) {
    options_.segment_bytes = std::clamp(space.total_bytes / 128, 4 * kMiB, 64 * kMiB);
  }
  // Several times the bytes that the index writes before it compacts itself.
  index_bytes_ = std::clamp(options_.segment_bytes / 2, kMiB / 4, 16 * kMiB);
  // Room to compact one segment, with many tombstones and the index.
  reserve_bytes_ = options_.segment_bytes + options_.segment_bytes / 4 + index_bytes_;
  return absl::OkStatus();
}

absl::Status ChunkStore::OpenParts() {
  CVG_ASSIGN_OR_RETURN(folder_, StoreFolder::Open(*options_.disk, options_.dir, options_.owner));
  CVG_ASSIGN_OR_RETURN(datamgr_epochs_, rpc::HighestEpoch::Open(*options_.disk, folder_->epoch(),
                                                                RoleWord(Role::kDatamgr)));
  CVG_RETURN_IF_ERROR(ChooseSizes());
  scrub_rate_ = options_.scrub_bytes_per_second;
  files_ = std::make_unique<SegmentFiles>(*options_.disk, folder_->segments(), kOpenFilesMax);
  space_ = std::make_unique<DiskBudget>(DiskBudget::Options{.disk = options_.disk,
                                                            .ledger = &ledger_,
                                                            .dir = options_.dir,
                                                            .reserve_path = folder_->reserve(),
                                                            .reserve_bytes = reserve_bytes_,
                                                            .index_bytes = index_bytes_});
  SetCapacity(options_.capacity_bytes);
  CVG_RETURN_IF_ERROR(OpenIndex());
  const StoreParts parts{.disk = options_.disk,
                         .index = index_.get(),
                         .ledger = &ledger_,
                         .files = files_.get(),
                         .space = space_.get(),
                         .health = &health_};
  CVG_ASSIGN_OR_RETURN(recovery_, RecoverStore(parts, options_.segment_bytes));
  LOG(INFO) << options_.dir << ": " << recovery_.segments << " segments, "
            << recovery_.records_scanned << " records new to the index, "
            << recovery_.torn_bytes_cut << " torn bytes cut off, " << recovery_.damaged_bytes
            << " damaged, " << recovery_.chunks_lost << " chunks lost";
  CVG_RETURN_IF_ERROR(space_->TakeReserve());
  writer_ = std::make_unique<ChunkWriter>(parts, options_.segment_bytes);
  const auto on_bad = [this](const ChunkKey& key, const ChunkRow& row, const std::string& reason) {
    writer_->ReportBad(key, row, reason);
  };
  reader_ = std::make_unique<ChunkReader>(index_.get(), &ledger_, files_.get(), on_bad);
  compactor_ =
      std::make_unique<Compactor>(parts, reader_.get(), writer_.get(), options_.segment_bytes);
  scrubber_ = std::make_unique<Scrubber>(index_.get(), &ledger_, reader_.get(), options_.clock);
  return absl::OkStatus();
}

absl::Status ChunkStore::OpenIndex() {
  const ChunkIndex::Options options{
      .disk = options_.disk, .dir = folder_->index(), .write_buffer_bytes = index_bytes_ / 4};
  absl::StatusOr<std::unique_ptr<ChunkIndex>> index = ChunkIndex::Open(options);
  if (disk::IsNoSpace(index.status())) {
    CVG_RETURN_IF_ERROR(space_->ReleaseReserve());
    index = ChunkIndex::Open(options);
  }
  if (!index.ok() && !disk::IsNoSpace(index.status())) {
    LOG(WARNING) << "the index is of no use and is made again from the segments: "
                 << index.status();
    CVG_RETURN_IF_ERROR(ChunkIndex::Wipe(options));
    CVG_RETURN_IF_ERROR(options_.disk->MakeFolder(options.dir));
    CVG_RETURN_IF_ERROR(options_.disk->SyncFolder(options_.dir));
    index = ChunkIndex::Open(options);
  }
  CVG_RETURN_IF_ERROR(index.status());
  index_ = *std::move(index);
  return absl::OkStatus();
}

ChunkStore::~ChunkStore() { Stop(); }

void ChunkStore::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
  }
  if (housekeeper_.joinable()) housekeeper_.join();
  if (writer_ != nullptr) writer_->Stop();
}

void ChunkStore::Put(const ChunkKey& key, std::string bytes, uint64_t checksum, DoneCallback done) {
  if (bytes.empty() || bytes.size() > limits::kChunkBytesMax) {
    return done(absl::InvalidArgumentError(
        absl::StrCat("a chunk has 1 to ", limits::kChunkBytesMax, " bytes")));
  }
  if (Checksum(bytes) != checksum) {
    return done(absl::InvalidArgumentError(
        absl::StrCat(ToText(key), " changed on its way here: its checksum is another")));
  }
  NewChunk chunk{key, std::move(bytes), checksum, {}};
  chunk.block_checksums = BlockChecksums(chunk.bytes);
  writer_->Put(std::move(chunk), std::move(done));
}

void ChunkStore::Delete(std::vector<ChunkKey> keys, DoneCallback done) {
  if (keys.size() > limits::kChunkKeysMax) {
    return done(absl::InvalidArgumentError(
        absl::StrCat("at most ", limits::kChunkKeysMax, " chunks at once")));
  }
  writer_->Delete(std::move(keys), std::move(done));
}

void ChunkStore::DropVolume(uint64_t volume, DoneCallback done) {
  writer_->DropVolume(volume, std::move(done));
}

absl::StatusOr<ChunkBytes> ChunkStore::Read(const ChunkKey& key, uint32_t offset,
                                            uint32_t length) const {
  return reader_->Read(key, offset, length);
}

absl::Status ChunkStore::Verify(const ChunkKey& key) const { return reader_->Verify(key); }

absl::StatusOr<std::vector<ListedChunk>> ChunkStore::List(uint64_t volume, uint64_t from,
                                                          size_t rows_max) const {
  rows_max = std::min(rows_max, limits::kChunkKeysMax);
  std::vector<ListedChunk> chunks;
  ChunkKey key{volume, from};
  while (chunks.size() < rows_max) {
    CVG_ASSIGN_OR_RETURN(const auto rows, index_->List(key, limits::kChunkKeysMax, volume));
    for (const auto& [found, row] : rows) {
      if (!row.is_chunk() || chunks.size() >= rows_max) continue;
      chunks.push_back({found.chunk, row.length, row.checksum, ledger_.IsBad(found)});
    }
    if (rows.size() < limits::kChunkKeysMax || rows.back().first.chunk == ~uint64_t{0}) break;
    key.chunk = rows.back().first.chunk + 1;
  }
  return chunks;
}

std::vector<VolumeFacts> ChunkStore::Volumes(uint64_t after, size_t rows_max) const {
  return ledger_.Volumes(after, rows_max);
}

std::vector<std::pair<ChunkKey, std::string>> ChunkStore::BadChunks(const ChunkKey& after,
                                                                    size_t rows_max) const {
  return ledger_.BadChunks(after, rows_max);
}

absl::StatusOr<StoreFacts> ChunkStore::Facts() const {
  CVG_ASSIGN_OR_RETURN(const disk::Space space, options_.disk->FreeSpace(options_.dir));
  CVG_ASSIGN_OR_RETURN(const SpaceView view, space_->View());
  const LedgerTotals totals = ledger_.totals();
  StoreFacts facts;
  facts.store_id = folder_->store_id();
  facts.capacity_bytes = view.capacity_bytes;
  facts.used_bytes = totals.file_bytes;
  facts.live_bytes = totals.live_bytes;
  facts.read_only = health_.read_only();
  facts.free_bytes = facts.read_only.has_value() ? 0 : AdmissibleBytes(view);
  facts.disk_total_bytes = space.total_bytes;
  facts.chunks = totals.chunks;
  facts.bad_chunks = totals.bad_chunks;
  facts.damage_found = totals.damage_found;
  facts.segments = totals.segments;
  return facts;
}

ScrubFacts ChunkStore::scrub() const { return scrubber_->facts(); }

const std::string& ChunkStore::store_id() const { return folder_->store_id(); }

void ChunkStore::SetCapacity(uint64_t bytes) {
  if (bytes == 0) bytes = options_.capacity_bytes;
  space_->SetCapacity(bytes == 0 ? ~uint64_t{0} : bytes);
}

void ChunkStore::SetScrubRate(uint64_t bytes_per_second) {
  absl::MutexLock lock(&mu_);
  scrub_rate_ = bytes_per_second;
}

uint64_t ChunkStore::scrub_rate() const {
  absl::MutexLock lock(&mu_);
  return scrub_rate_;
}

absl::StatusOr<bool> ChunkStore::CompactOnce() { return compactor_->CompactOnce(); }

absl::StatusOr<uint64_t> ChunkStore::ScrubOnce(uint64_t bytes_max) {
  return scrubber_->ScrubOnce(bytes_max);
}

void ChunkStore::KeepHouse() {
  absl::Duration scrubbed_at = options_.clock->Elapsed();
  while (true) {
    {
      absl::MutexLock lock(&mu_);
      if (mu_.AwaitWithTimeout(absl::Condition(&stopped_), kHousekeepingPeriod)) return;
    }
    KeepHouseOnce(&scrubbed_at);
  }
}

void ChunkStore::Complain(const absl::Status& status) {
  const std::string text = status.ok() ? "" : status.ToString();
  if (text == complaint_) return;
  complaint_ = text;
  if (!text.empty()) LOG(WARNING) << "compaction: " << text;
}

void ChunkStore::KeepHouseOnce(absl::Duration* scrubbed_at) {
  if (health_.read_only().has_value()) return;
  for (int i = 0; i < kCompactionsInARowMax; ++i) {
    const absl::StatusOr<bool> compacted = CompactOnce();
    Complain(compacted.status());
    if (!compacted.ok() || !*compacted) break;
  }
  const absl::Duration now = options_.clock->Elapsed();
  const uint64_t budget =
      static_cast<uint64_t>(absl::ToDoubleSeconds(now - *scrubbed_at) * scrub_rate());
  // Wait for a budget of one whole chunk, so that a slow rate rounds to rare steps, not to zero.
  if (budget < limits::kChunkBytesMax) return;
  *scrubbed_at = now;
  if (ledger_.totals().segments == 0) return;
  const absl::StatusOr<uint64_t> scrubbed = ScrubOnce(budget);
  if (!scrubbed.ok()) LOG(WARNING) << "scrub: " << scrubbed.status();
}

}  // namespace convergia::dataserver
