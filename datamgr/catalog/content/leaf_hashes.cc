#include "datamgr/catalog/content/leaf_hashes.h"

#include <algorithm>

#include "common/base/hash/tree_hash.h"
#include "common/base/status_macros.h"
#include "datamgr/catalog/transactions/keys.h"

namespace convergia::datamgr {
namespace {

// At most this many leaves go in one commit with the last extents of a file. The sum stays below
// the limit of a commit.
constexpr int kLastLeavesMax = 8;
constexpr int kLeavesPerStep = 80;

uint64_t FirstLeafIn(uint64_t offset, uint64_t leaf_bytes) {
  return offset / leaf_bytes + (offset % leaf_bytes == 0 ? 0 : 1);
}

}  // namespace

std::string HashForWrite(uint64_t offset, absl::string_view bytes, uint64_t leaf_bytes) {
  if (offset > UINT64_MAX / 2) return "";  // Write() refuses it.
  const uint64_t begin = FirstLeafIn(offset, leaf_bytes) * leaf_bytes;
  if (begin >= offset + bytes.size()) return "";
  return LeafHash(bytes.substr(begin - offset, leaf_bytes));
}

uint64_t LeafHashes::LeavesOf(uint64_t bytes) const {
  return FirstLeafIn(bytes, env_.options.hash_leaf_bytes);
}

void LeafHashes::Put(Transaction& edit, uint64_t id, uint64_t leaf, absl::string_view hash) const {
  edit.PutText(keys::LeafHash(id, leaf), std::string(hash));
}

void LeafHashes::OnWrite(Transaction& edit, uint64_t id, uint64_t begin, uint64_t end,
                         uint64_t size, absl::string_view hash) const {
  const uint64_t leaf_bytes = env_.options.hash_leaf_bytes;
  const uint64_t hashed = FirstLeafIn(begin, leaf_bytes);
  for (uint64_t leaf = begin / leaf_bytes; leaf * leaf_bytes < end; ++leaf) {
    const uint64_t leaf_end = std::min(size, (leaf + 1) * leaf_bytes);
    if (leaf == hashed && end >= leaf_end && hash.size() == kHashBytes) {
      Put(edit, id, leaf, hash);
    } else {
      edit.Delete(keys::LeafHash(id, leaf));
    }
  }
}

void LeafHashes::OnTruncate(Transaction& edit, uint64_t id, uint64_t size) const {
  edit.Delete(keys::LeafHash(id, size / env_.options.hash_leaf_bytes));
}

absl::StatusOr<std::vector<std::string>> LeafHashes::Known(uint64_t id, uint64_t leaf,
                                                           uint64_t size, int limit) const {
  std::vector<std::string> known;
  const uint64_t leaves = LeavesOf(size);
  if (leaf >= leaves) return known;
  CVG_ASSIGN_OR_RETURN(const store::Page page,
                       env_.rows.Scan(keys::LeafHash(id, leaf), keys::LeafHash(id, leaves),
                                      static_cast<int>(std::min<uint64_t>(leaves - leaf, limit))));
  for (const store::KeyValue& row : page.rows) {
    if (keys::NumberAtEnd(row.key) != leaf + known.size()) break;
    known.push_back(row.value);
  }
  return known;
}

absl::StatusOr<std::string> LeafHashes::OfFile(uint64_t id, const records::Inode& inode) const {
  if (!inode.hash().empty()) return inode.hash();
  const uint64_t leaves = LeavesOf(inode.bytes());
  if (leaves > kLeavesAtOnceMax) return "";
  CVG_ASSIGN_OR_RETURN(const std::vector<std::string> known,
                       Known(id, 0, inode.bytes(), kLeavesAtOnceMax));
  if (known.size() != leaves) return "";
  TreeHash hash(inode.bytes());
  for (const std::string& leaf : known) hash.AddLeaf(leaf);
  return hash.Finish();
}

absl::StatusOr<bool> LeafHashes::ClearStep(Transaction& edit, uint64_t id) const {
  const std::string all = keys::LeafHashes(id);
  CVG_ASSIGN_OR_RETURN(const store::Page page,
                       env_.rows.Scan(all, store::PrefixEnd(all), kLeavesPerStep));
  if (page.rows.size() <= kLastLeavesMax) return false;
  for (const store::KeyValue& row : page.rows) edit.Delete(row.key);
  return true;
}

absl::Status LeafHashes::ClearLast(Transaction& edit, uint64_t id) const {
  const std::string all = keys::LeafHashes(id);
  CVG_ASSIGN_OR_RETURN(const store::Page page,
                       env_.rows.Scan(all, store::PrefixEnd(all), kLastLeavesMax));
  for (const store::KeyValue& row : page.rows) edit.Delete(row.key);
  return absl::OkStatus();
}

}  // namespace convergia::datamgr
