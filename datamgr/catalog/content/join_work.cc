#include "datamgr/catalog/content/join_work.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "datamgr/catalog/transactions/keys.h"
#include "datamgr/catalog/tree/path.h"

namespace convergia::datamgr {
namespace {

constexpr int kPiecesPerLook = 256;
// A file is examined after this many tiny writes.
constexpr size_t kTinyWritesMin = 64;
constexpr size_t kFilesWantedMax = 1'000;
constexpr size_t kFilesCountedMax = 10'000;

// The first run of tiny pieces among `pieces`, as indices [first, last).
struct Span {
  size_t first = 0;
  size_t last = 0;
};
std::optional<Span> FirstRun(const std::vector<Piece>& pieces) {
  Span span;
  for (size_t i = 0; i <= pieces.size(); ++i) {
    if (i < pieces.size() && pieces[i].length < kTinyPieceBytes) continue;
    span.last = i;
    if (span.last - span.first >= kJoinedPiecesMin) return span;
    span.first = i + 1;
  }
  return std::nullopt;
}

uint64_t BytesOf(const std::vector<Piece>& pieces, size_t first, size_t last) {
  uint64_t bytes = 0;
  for (size_t i = first; i < last; ++i) bytes += pieces[i].length;
  return bytes;
}

}  // namespace

static_assert(uint64_t{kPiecesPerLook} * kTinyPieceBytes <= limits::kChunkBytesMax);

void JoinWork::OnWrite(uint64_t file, uint64_t offset, uint64_t bytes) {
  if (bytes >= kTinyPieceBytes) return;
  if (tiny_writes_.size() >= kFilesCountedMax) tiny_writes_.clear();
  TinyWrites& writes = tiny_writes_[file];
  writes.begin = writes.count == 0 ? offset : std::min(writes.begin, offset);
  if (++writes.count < kTinyWritesMin) return;
  Want(file, writes.begin);
  tiny_writes_.erase(file);
}

void JoinWork::Want(uint64_t file, uint64_t offset) {
  for (Wanted& wanted : wanted_) {
    if (wanted.file != file) continue;
    wanted.at = std::min(wanted.at, offset);
    wanted.begin = std::min(wanted.begin, offset);
    return;
  }
  if (wanted_.size() < kFilesWantedMax) wanted_.push_back({file, offset, offset});
}

absl::StatusOr<std::optional<records::Inode>> JoinWork::Load(Transaction& edit,
                                                             uint64_t file) const {
  CVG_ASSIGN_OR_RETURN(auto inode, edit.Get<records::Inode>(keys::Inode(file)));
  const bool is_file = inode.has_value() && inode->kind() == records::KIND_FILE;
  return is_file ? std::move(inode) : std::nullopt;
}

absl::StatusOr<std::string> JoinWork::FolderOf(Transaction& look,
                                               const records::Inode& inode) const {
  records::Inode at = inode;
  for (size_t depth = 0; depth < kPathDepthMax && at.parent() != kRootInode; ++depth) {
    CVG_ASSIGN_OR_RETURN(const auto parent, look.Get<records::Inode>(keys::Inode(at.parent())));
    if (!parent.has_value()) break;  // The folder is being deleted.
    at = *parent;
  }
  return absl::StrCat("/", at.name());
}

// If one pass joined many runs, the joined pieces may be tiny still: examine them again.
void JoinWork::EndPass() {
  const Wanted pass = wanted_.front();
  wanted_.pop_front();
  if (pass.runs >= kJoinedPiecesMin) Want(pass.file, pass.begin);
}

absl::StatusOr<std::optional<JoinWork::Run>> JoinWork::Next() {
  if (wanted_.empty()) return std::nullopt;
  Wanted& wanted = wanted_.front();
  Transaction look(env_.rows);
  CVG_ASSIGN_OR_RETURN(const auto inode, Load(look, wanted.file));
  if (!inode.has_value() || wanted.at >= inode->bytes()) {
    EndPass();
    return std::nullopt;
  }
  if (inode->has_overlay()) {
    CVG_ASSIGN_OR_RETURN(const bool worked, deferred_work_.StepOf(wanted.file));
    if (!worked) return absl::DataLossError("an overlay without its work");
    return std::nullopt;
  }
  CVG_ASSIGN_OR_RETURN(std::vector<Piece> pieces, extents_.Resolve(wanted.file, *inode, wanted.at,
                                                                   inode->bytes(), kPiecesPerLook));
  const std::optional<Span> span = FirstRun(pieces);
  if (!span.has_value()) {
    EndPass();
    return std::nullopt;
  }
  Run run{.file = wanted.file, .begin = wanted.at + BytesOf(pieces, 0, span->first)};
  run.pieces.assign(pieces.begin() + static_cast<ptrdiff_t>(span->first),
                    pieces.begin() + static_cast<ptrdiff_t>(span->last));
  run.end = run.begin + BytesOf(run.pieces, 0, run.pieces.size());
  CVG_ASSIGN_OR_RETURN(run.path, FolderOf(look, *inode));
  wanted.at = run.end;
  ++wanted.runs;
  return run;
}

absl::StatusOr<bool> JoinWork::Put(const Run& run, const ChunkRef& chunk) {
  Transaction edit(env_.rows);
  CVG_ASSIGN_OR_RETURN(auto inode, Load(edit, run.file));
  if (!inode.has_value() || inode->has_overlay() || inode->bytes() < run.end) return false;
  CVG_ASSIGN_OR_RETURN(const std::vector<Piece> pieces,
                       extents_.Resolve(run.file, *inode, run.begin, run.end, kPiecesPerLook));
  if (pieces != run.pieces) return false;
  CVG_RETURN_IF_ERROR(
      extents_.Overwrite(edit, run.file, &*inode, run.begin, run.end, std::optional(chunk)));
  edit.Put(keys::Inode(run.file), *inode);
  CVG_RETURN_IF_ERROR(edit.Commit());
  return true;
}

}  // namespace convergia::datamgr
