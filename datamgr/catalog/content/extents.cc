#include "datamgr/catalog/content/extents.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "datamgr/catalog/transactions/keys.h"

namespace convergia::datamgr {
namespace {

constexpr int kScanRows = 256;

void PutExtent(Transaction& edit, uint64_t id, uint64_t begin, uint64_t end,
               const records::Chunk& chunk, uint64_t chunk_offset) {
  records::Extent extent;
  extent.set_begin(begin);
  *extent.mutable_chunk() = chunk;
  extent.set_chunk_offset(static_cast<uint32_t>(chunk_offset));
  edit.Put(keys::Extent(id, end), extent);
}

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrCat(what, " of the catalog is damaged"));
}

// Whether `chunk` can hold the bytes [begin, end) of a file from `chunk_offset` on.
bool Fits(const records::Chunk& chunk, uint64_t chunk_offset, uint64_t begin, uint64_t end) {
  return chunk.volume() != 0 && chunk.bytes() <= limits::kChunkBytesMax && begin < end &&
         end - begin <= chunk.bytes() && chunk_offset <= chunk.bytes() - (end - begin);
}

absl::Status CheckOverlay(const records::Inode& inode) {
  if (!inode.has_overlay()) return absl::OkStatus();
  const records::Overlay& overlay = inode.overlay();
  const bool is_fine =
      overlay.begin() < overlay.end() &&
      (!overlay.has_chunk() || Fits(overlay.chunk(), 0, overlay.begin(), overlay.end()));
  return is_fine ? absl::OkStatus() : Damaged("an overlay");
}

// The piece for [begin, end) of an extent that begins at `at` in the file and at `chunk_offset` in
// `chunk`.
Piece PieceOf(const records::Chunk& chunk, uint64_t at, uint64_t chunk_offset, uint64_t begin,
              uint64_t end) {
  return {FromRecord(chunk), static_cast<uint32_t>(chunk_offset + (begin - at)),
          static_cast<uint32_t>(end - begin)};
}

}  // namespace

ChunkRef FromRecord(const records::Chunk& chunk) {
  return {chunk.volume(), chunk.chunk(), chunk.bytes()};
}

records::Chunk ToRecord(const ChunkRef& chunk) {
  records::Chunk record;
  record.set_volume(chunk.volume);
  record.set_chunk(chunk.chunk);
  record.set_bytes(chunk.bytes);
  return record;
}

absl::StatusOr<std::vector<Extents::Row>> Extents::Overlapping(uint64_t id, uint64_t begin,
                                                               uint64_t end, int limit) const {
  std::vector<Row> rows;
  std::string next = keys::Extent(id, begin + 1);  // Keys are ends: the first past `begin`.
  const std::string stop = store::PrefixEnd(keys::Extents(id));
  while (!next.empty() && static_cast<int>(rows.size()) < limit) {
    const int wanted = std::min(kScanRows, limit - static_cast<int>(rows.size()));
    CVG_ASSIGN_OR_RETURN(store::Page page, env_.rows.Scan(next, stop, wanted));
    for (const store::KeyValue& found : page.rows) {
      // Rows beyond `end` are not needed, so a damaged one there does no harm.
      if (!rows.empty() && rows.back().end >= end) return rows;
      Row row{.end = keys::NumberAtEnd(found.key)};
      if (!row.extent.ParseFromString(found.value) ||
          !Fits(row.extent.chunk(), row.extent.chunk_offset(), row.extent.begin(), row.end)) {
        return Damaged("an extent");
      }
      if (!rows.empty() && row.extent.begin() < rows.back().end) return Damaged("an extent");
      if (row.extent.begin() >= end) return rows;
      rows.push_back(std::move(row));
    }
    next = page.next;
  }
  return rows;
}

absl::Status Extents::Use(Transaction& edit, uint64_t id, const records::Chunk& chunk) {
  const std::string key = keys::Chunk(chunk.volume(), chunk.chunk());
  CVG_ASSIGN_OR_RETURN(records::ChunkUse use, edit.GetOrEmpty<records::ChunkUse>(key));
  use.set_inode(id);
  use.set_bytes(chunk.bytes());
  use.set_extents(use.extents() + 1);
  edit.Put(key, use);
  return absl::OkStatus();
}

absl::Status Extents::Unuse(Transaction& edit, const records::Chunk& chunk,
                            std::vector<ChunkRef>* dead) {
  const std::string key = keys::Chunk(chunk.volume(), chunk.chunk());
  CVG_ASSIGN_OR_RETURN(std::optional<records::ChunkUse> use, edit.Get<records::ChunkUse>(key));
  if (!use.has_value() || use->extents() == 0) {
    return Damaged("a chunk's row");
  }
  use->set_extents(use->extents() - 1);
  edit.Put(key, *use);
  if (use->extents() == 0) dead->push_back(FromRecord(chunk));
  return absl::OkStatus();
}

absl::Status Extents::Bury(Transaction& edit, const records::Inode& inode,
                           const std::vector<ChunkRef>& dead, uint64_t added_cost) {
  int64_t cost = static_cast<int64_t>(added_cost);
  if (!dead.empty()) {
    records::Trash trash;
    for (const ChunkRef& chunk : dead) {
      *trash.add_chunks() = ToRecord(chunk);
      cost -= static_cast<int64_t>(ChunkCost(chunk.bytes));
    }
    CVG_ASSIGN_OR_RETURN(const uint64_t number, env_.numbers.Next());
    const int64_t due = env_.NowMs() + absl::ToInt64Milliseconds(env_.options.trash_grace);
    edit.Put(keys::Trash(due, number), trash);
  }
  if (inode.kind() != records::KIND_FILE) return absl::OkStatus();
  return Charge(env_, edit, inode.owner(), cost, 0);
}

absl::Status Extents::Cut(Transaction& edit, uint64_t id, const std::vector<Row>& rows,
                          uint64_t begin, uint64_t end, std::vector<ChunkRef>* dead) {
  for (const Row& row : rows) {
    const records::Extent& old = row.extent;
    const bool keeps_front = old.begin() < begin;
    const bool keeps_back = row.end > end;
    if (keeps_front) {
      PutExtent(edit, id, old.begin(), begin, old.chunk(), old.chunk_offset());
    }
    if (keeps_back) {
      PutExtent(edit, id, end, row.end, old.chunk(), old.chunk_offset() + (end - old.begin()));
    } else {
      edit.Delete(keys::Extent(id, row.end));
    }
    if (keeps_front && keeps_back) CVG_RETURN_IF_ERROR(Use(edit, id, old.chunk()));
    if (!keeps_front && !keeps_back) CVG_RETURN_IF_ERROR(Unuse(edit, old.chunk(), dead));
  }
  return absl::OkStatus();
}

absl::Status Extents::Overwrite(Transaction& edit, uint64_t id, records::Inode* inode,
                                uint64_t begin, uint64_t end,
                                const std::optional<ChunkRef>& chunk) {
  if (inode->has_overlay()) return Damaged("an inode");  // Callers clear it first.
  CVG_ASSIGN_OR_RETURN(const std::vector<Row> rows, Overlapping(id, begin, end, kStepMax + 1));
  std::vector<ChunkRef> dead;
  if (chunk.has_value()) CVG_RETURN_IF_ERROR(Use(edit, id, ToRecord(*chunk)));
  if (rows.size() > kStepMax) {
    inode->mutable_overlay()->set_begin(begin);
    inode->mutable_overlay()->set_end(end);
    if (chunk.has_value()) *inode->mutable_overlay()->mutable_chunk() = ToRecord(*chunk);
    records::Chore chore;
    chore.set_kind(records::Chore::KIND_TIDY);
    edit.Put(keys::Chore(id), chore);
  } else {
    CVG_RETURN_IF_ERROR(Cut(edit, id, rows, begin, end, &dead));
    if (chunk.has_value()) PutExtent(edit, id, begin, end, ToRecord(*chunk), 0);
  }
  return Bury(edit, *inode, dead, chunk.has_value() ? ChunkCost(chunk->bytes) : 0);
}

absl::Status Extents::TidyStep(Transaction& edit, uint64_t id, records::Inode* inode) {
  if (!inode->has_overlay()) return absl::OkStatus();
  CVG_RETURN_IF_ERROR(CheckOverlay(*inode));
  const records::Overlay overlay = inode->overlay();
  CVG_ASSIGN_OR_RETURN(std::vector<Row> rows,
                       Overlapping(id, overlay.begin(), overlay.end(), kStepMax + 1));
  const bool is_last = rows.size() <= kStepMax;
  if (!is_last) rows.pop_back();
  std::vector<ChunkRef> dead;
  CVG_RETURN_IF_ERROR(Cut(edit, id, rows, overlay.begin(), overlay.end(), &dead));
  if (is_last) {
    if (overlay.has_chunk()) {
      PutExtent(edit, id, overlay.begin(), overlay.end(), overlay.chunk(), 0);
    }
    inode->clear_overlay();
    edit.Delete(keys::Chore(id));
  }
  return Bury(edit, *inode, dead, 0);
}

absl::StatusOr<bool> Extents::ClearStep(Transaction& edit, uint64_t id,
                                        const records::Inode& inode) {
  if (inode.has_overlay()) return Damaged("an inode");  // Callers clear it first.
  const uint64_t end = std::max<uint64_t>(inode.bytes(), 1);
  CVG_ASSIGN_OR_RETURN(std::vector<Row> rows, Overlapping(id, 0, end, kStepMax + 1));
  const bool is_last = rows.size() <= kStepMax;
  if (!is_last) rows.pop_back();
  std::vector<ChunkRef> dead;
  CVG_RETURN_IF_ERROR(Cut(edit, id, rows, 0, end, &dead));
  CVG_RETURN_IF_ERROR(Bury(edit, inode, dead, 0));
  return is_last;
}

absl::StatusOr<std::vector<Piece>> Extents::Resolve(uint64_t id, const records::Inode& inode,
                                                    uint64_t begin, uint64_t end,
                                                    int pieces_max) const {
  CVG_RETURN_IF_ERROR(CheckOverlay(inode));
  std::vector<Piece> pieces;
  const auto add = [&](uint64_t from, uint64_t to) -> absl::Status {
    if (from >= to) return absl::OkStatus();
    const int limit = pieces_max - static_cast<int>(pieces.size());
    if (limit <= 0) return absl::OkStatus();
    CVG_ASSIGN_OR_RETURN(const std::vector<Row> rows, Overlapping(id, from, to, limit));
    for (const Row& row : rows) {
      const records::Extent& extent = row.extent;
      pieces.push_back(PieceOf(extent.chunk(), extent.begin(), extent.chunk_offset(),
                               std::max(from, extent.begin()), std::min(to, row.end)));
    }
    return absl::OkStatus();
  };
  if (!inode.has_overlay()) {
    CVG_RETURN_IF_ERROR(add(begin, end));
    return pieces;
  }
  const records::Overlay& overlay = inode.overlay();
  CVG_RETURN_IF_ERROR(add(begin, std::min(end, overlay.begin())));
  const uint64_t from = std::max(begin, overlay.begin());
  const uint64_t to = std::min(end, overlay.end());
  if (overlay.has_chunk() && from < to && static_cast<int>(pieces.size()) < pieces_max) {
    pieces.push_back(PieceOf(overlay.chunk(), overlay.begin(), 0, from, to));
  }
  CVG_RETURN_IF_ERROR(add(std::max(begin, overlay.end()), end));
  return pieces;
}

absl::StatusOr<std::vector<uint64_t>> Extents::Volumes(uint64_t id, int extents_max) const {
  CVG_ASSIGN_OR_RETURN(const std::vector<Row> rows, Overlapping(id, 0, UINT64_MAX, extents_max));
  std::vector<uint64_t> volumes;
  for (const Row& row : rows) volumes.push_back(row.extent.chunk().volume());
  std::sort(volumes.begin(), volumes.end());
  volumes.erase(std::unique(volumes.begin(), volumes.end()), volumes.end());
  return volumes;
}

}  // namespace convergia::datamgr
