#include "datamgr/catalog/content/hash_work.h"

#include <algorithm>
#include <utility>

#include "common/base/status_macros.h"
#include "datamgr/catalog/transactions/keys.h"

namespace convergia::datamgr {
namespace {

constexpr size_t kKnownPerStep = 300;
// One look-up returns at most this many pieces of a leaf.
constexpr int kPiecesMax = 256;

}  // namespace

void HashWork::Want(uint64_t file) {
  if (wanted_.size() >= kHashesWantedMax || (now_.has_value() && now_->file == file)) return;
  if (is_wanted_.insert(file).second) wanted_.push_back(file);
}

absl::StatusOr<std::optional<records::Inode>> HashWork::Load(Transaction& edit, uint64_t file,
                                                             uint64_t version) const {
  CVG_ASSIGN_OR_RETURN(auto inode, edit.Get<records::Inode>(keys::Inode(file)));
  const bool is_same = inode.has_value() && inode->kind() == records::KIND_FILE &&
                       (version == 0 || VersionOf(file, *inode) == version);
  return is_same ? std::move(inode) : std::nullopt;
}

absl::Status HashWork::Begin() {
  const uint64_t file = wanted_.front();
  wanted_.pop_front();
  is_wanted_.erase(file);
  Transaction look(env_.rows);
  CVG_ASSIGN_OR_RETURN(const auto inode, Load(look, file, 0));
  if (!inode.has_value() || !inode->hash().empty()) return absl::OkStatus();
  now_ = Progress{file, VersionOf(file, *inode), inode->bytes(), 0, TreeHash(inode->bytes())};
  return absl::OkStatus();
}

// The hash of a large file goes into its inode. LeafHashes::OfFile() computes the others from
// leaves.
absl::Status HashWork::Complete() {
  Progress done = *std::exchange(now_, std::nullopt);
  if (hashes_.LeavesOf(done.bytes) <= kLeavesAtOnceMax) return absl::OkStatus();
  Transaction edit(env_.rows);
  CVG_ASSIGN_OR_RETURN(auto inode, Load(edit, done.file, done.version));
  if (!inode.has_value()) return absl::OkStatus();
  inode->set_hash(done.sum.Finish());
  edit.Put(keys::Inode(done.file), *inode);
  return edit.Commit();
}

absl::StatusOr<std::optional<HashWork::Leaf>> HashWork::Next() {
  if (!now_.has_value()) {
    if (!wanted_.empty()) CVG_RETURN_IF_ERROR(Begin());
    if (!now_.has_value()) return std::nullopt;
  }
  Transaction look(env_.rows);
  CVG_ASSIGN_OR_RETURN(const auto inode, Load(look, now_->file, now_->version));
  if (!inode.has_value()) {
    GiveUp();
    return std::nullopt;
  }
  CVG_ASSIGN_OR_RETURN(
      const std::vector<std::string> known,
      hashes_.Known(now_->file, now_->known, now_->bytes, static_cast<int>(kKnownPerStep)));
  for (const std::string& hash : known) now_->sum.AddLeaf(hash);
  now_->known += known.size();
  if (now_->known == hashes_.LeavesOf(now_->bytes)) {
    CVG_RETURN_IF_ERROR(Complete());
    return std::nullopt;
  }
  if (known.size() == kKnownPerStep) return std::nullopt;  // There may be more.
  const uint64_t leaf_bytes = env_.options.hash_leaf_bytes;
  const uint64_t begin = now_->known * leaf_bytes;
  return Leaf{now_->file, now_->version, now_->known, begin,
              std::min(now_->bytes, begin + leaf_bytes)};
}

absl::StatusOr<std::optional<std::vector<Piece>>> HashWork::Pieces(const Leaf& leaf,
                                                                   uint64_t from) {
  Transaction look(env_.rows);
  CVG_ASSIGN_OR_RETURN(const auto inode, Load(look, leaf.file, leaf.version));
  if (!inode.has_value()) return std::nullopt;
  CVG_ASSIGN_OR_RETURN(auto pieces,
                       extents_.Resolve(leaf.file, *inode, from, leaf.end, kPiecesMax));
  if (pieces.empty()) return absl::DataLossError("the catalog has a gap in a file");
  return std::optional(std::move(pieces));
}

absl::Status HashWork::Put(const Leaf& leaf, const std::string& hash) {
  Transaction edit(env_.rows);
  CVG_ASSIGN_OR_RETURN(const auto inode, Load(edit, leaf.file, leaf.version));
  if (!inode.has_value()) return absl::OkStatus();
  hashes_.Put(edit, leaf.file, leaf.number, hash);
  return edit.Commit();
}

}  // namespace convergia::datamgr
