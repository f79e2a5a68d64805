#include "datamgr/catalog/content/deferred_work.h"

#include <glog/logging.h>

#include <optional>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "datamgr/catalog/transactions/keys.h"
#include "datamgr/catalog/tree/path.h"

namespace convergia::datamgr {
namespace {

// One commit deletes at most this many permissions of a folder.
constexpr int kPermissionsPerStep = 80;

// Room for a few ways down of the greatest depth.
constexpr size_t kFoldersKnownMax = 1'000;

constexpr absl::string_view kNul("\0", 1);

// Every Nth scan starts at the beginning, to find entries written while the clock ran behind.
constexpr uint64_t kLooksPerWholeLook = 1'000;

}  // namespace

absl::StatusOr<bool> DeferredWork::Step() {
  const std::string end = store::PrefixEnd(keys::AllDeferredWork());
  CVG_ASSIGN_OR_RETURN(store::Page page, env_.rows.Scan(keys::Chore(next_), end, 1));
  if (page.rows.empty()) {
    CVG_ASSIGN_OR_RETURN(page, env_.rows.Scan(keys::AllDeferredWork(), end, 1));
  }
  if (page.rows.empty()) return false;
  const uint64_t inode = keys::NumberAtEnd(page.rows.front().key);
  next_ = inode + 1;
  return StepOf(inode);
}

absl::StatusOr<bool> DeferredWork::StepOf(uint64_t inode) {
  Transaction edit(env_.rows);
  CVG_ASSIGN_OR_RETURN(const auto chore, edit.Get<records::Chore>(keys::Chore(inode)));
  if (!chore.has_value()) return false;
  const absl::Status done =
      chore->kind() == records::Chore::KIND_TIDY ? Tidy(inode) : DeleteStep(inode);
  if (!done.ok()) return done;
  return true;
}

absl::Status DeferredWork::Tidy(uint64_t id) {
  Transaction edit(env_.rows);
  CVG_ASSIGN_OR_RETURN(auto inode, edit.Get<records::Inode>(keys::Inode(id)));
  if (!inode.has_value()) return absl::DataLossError("an overlay without its inode");
  CVG_RETURN_IF_ERROR(extents_.TidyStep(edit, id, &*inode));
  if (!inode->has_overlay()) edit.Delete(keys::Chore(id));
  edit.Put(keys::Inode(id), *inode);
  return edit.Commit();
}

absl::StatusOr<bool> DeferredWork::EmptyFile(Transaction& edit, uint64_t id,
                                             const records::Inode& file) {
  if (file.has_overlay()) {
    records::Inode changed = file;
    CVG_RETURN_IF_ERROR(extents_.TidyStep(edit, id, &changed));
    edit.Put(keys::Inode(id), changed);
    return false;
  }
  CVG_ASSIGN_OR_RETURN(const bool has_hashes, hashes_.ClearStep(edit, id));
  if (has_hashes) return false;
  CVG_ASSIGN_OR_RETURN(const bool is_empty, extents_.ClearStep(edit, id, file));
  if (!is_empty) return false;
  CVG_RETURN_IF_ERROR(hashes_.ClearLast(edit, id));
  edit.Delete(keys::Inode(id));
  if (file.part_due_ms() != 0) edit.Delete(keys::Part(file.part_due_ms(), id));
  if (file.kind() == records::KIND_FILE) {
    CVG_RETURN_IF_ERROR(Charge(env_, edit, file.owner(), 0, -1));
  }
  return true;
}

absl::Status DeferredWork::DeleteStep(uint64_t id) {
  Transaction edit(env_.rows);
  CVG_ASSIGN_OR_RETURN(const auto inode, edit.Get<records::Inode>(keys::Inode(id)));
  if (!inode.has_value()) {
    edit.Delete(keys::Chore(id));
    return edit.Commit();
  }
  if (inode->kind() == records::KIND_FOLDER) return DeleteFolderStep(id, *inode);
  CVG_ASSIGN_OR_RETURN(const bool is_gone, EmptyFile(edit, id, *inode));
  records::Chore chore;
  chore.set_kind(records::Chore::KIND_DELETE);
  if (is_gone) {
    edit.Delete(keys::Chore(id));
  } else {
    edit.Put(keys::Chore(id), chore);  // Clearing an overlay deletes the row.
  }
  return edit.Commit();
}

absl::StatusOr<store::KeyValue> DeferredWork::FirstEntry(uint64_t folder) {
  const std::string entries = keys::Entries(folder);
  const std::string end = store::PrefixEnd(entries);
  const auto known = entries_from_.find(folder);
  const bool is_known = known != entries_from_.end();
  CVG_ASSIGN_OR_RETURN(store::Page page,
                       env_.rows.Scan(is_known ? known->second : entries, end, 1));
  if (page.rows.empty() && is_known) {
    CVG_ASSIGN_OR_RETURN(page, env_.rows.Scan(entries, end, 1));
  }
  if (page.rows.empty()) {
    entries_from_.erase(folder);
    return store::KeyValue();
  }
  if (entries_from_.size() >= kFoldersKnownMax) entries_from_.clear();
  entries_from_[folder] = page.rows.front().key;
  return std::move(page.rows.front());
}

absl::Status DeferredWork::DeleteFolderStep(uint64_t id, const records::Inode& folder) {
  // Descend to the first file or folder that contains nothing.
  uint64_t parent = 0;
  std::string entry_key;
  records::Inode inode = folder;
  uint64_t at = id;
  Transaction edit(env_.rows);
  for (size_t depth = 0; inode.kind() == records::KIND_FOLDER; ++depth) {
    if (depth > kPathDepthMax) return absl::DataLossError("a folder is in itself");
    CVG_ASSIGN_OR_RETURN(const store::KeyValue first, FirstEntry(at));
    if (first.key.empty()) break;
    records::DirectoryEntry entry;
    if (!entry.ParseFromString(first.value)) return absl::DataLossError("an entry");
    parent = at;
    at = entry.inode();
    entry_key = first.key;
    CVG_ASSIGN_OR_RETURN(const auto found, edit.Get<records::Inode>(keys::Inode(at)));
    if (!found.has_value()) return absl::DataLossError("the catalog lost an inode");
    inode = *found;
  }
  if (inode.kind() == records::KIND_FILE) {
    CVG_ASSIGN_OR_RETURN(const bool is_gone, EmptyFile(edit, at, inode));
    if (is_gone) {
      edit.Delete(entry_key);
      edit.Delete(keys::Chore(at));
    }
    return edit.Commit();
  }
  const std::string permissions = keys::Permissions(at);
  CVG_ASSIGN_OR_RETURN(
      const store::Page page,
      env_.rows.Scan(permissions, store::PrefixEnd(permissions), kPermissionsPerStep));
  for (const store::KeyValue& row : page.rows) edit.Delete(row.key);
  if (page.next.empty()) {
    edit.Delete(keys::Inode(at));
    CVG_RETURN_IF_ERROR(Charge(env_, edit, inode.owner(), 0, -1));
    if (parent != 0) edit.Delete(entry_key);
    if (parent == 0) edit.Delete(keys::Chore(id));
  }
  return edit.Commit();
}

absl::StatusOr<std::vector<DeferredWork::TrashEntry>> DeferredWork::DueTrash(int limit) {
  if (looks_++ % kLooksPerWholeLook == 0) trash_from_ = keys::AllTrash();
  CVG_ASSIGN_OR_RETURN(const store::Page page,
                       env_.rows.Scan(trash_from_, keys::Trash(env_.NowMs() + 1, 0), limit));
  if (!page.rows.empty()) trash_from_ = page.rows.front().key;
  std::vector<TrashEntry> entries;
  for (const store::KeyValue& row : page.rows) {
    records::Trash trash;
    if (!trash.ParseFromString(row.value)) {  // Its chunks stay; the other entries go.
      LOG_EVERY_N(ERROR, 100) << "an entry of the trash is damaged, and stays";
      continue;
    }
    TrashEntry entry{.key = row.key};
    for (const records::Chunk& chunk : trash.chunks()) entry.chunks.push_back(FromRecord(chunk));
    entries.push_back(std::move(entry));
  }
  return entries;
}

absl::StatusOr<bool> DeferredWork::ExpirePart() {
  if (looks_for_parts_++ % kLooksPerWholeLook == 0) parts_from_ = keys::AllParts();
  const int64_t now = env_.NowMs();
  CVG_ASSIGN_OR_RETURN(const store::Page page,
                       env_.rows.Scan(parts_from_, keys::Part(now + 1, 0), 1));
  if (page.rows.empty()) return false;
  const std::string row = page.rows.front().key;
  parts_from_ = absl::StrCat(row, kNul);  // A damaged row must not block the others.
  const uint64_t id = keys::NumberAtEnd(row);
  Transaction edit(env_.rows);
  edit.Delete(row);
  CVG_ASSIGN_OR_RETURN(auto inode, edit.Get<records::Inode>(keys::Inode(id)));
  if (!inode.has_value()) {
    CVG_RETURN_IF_ERROR(edit.Commit());
    return true;
  }
  const int64_t due = inode->modified_ms() + absl::ToInt64Milliseconds(env_.options.part_lifetime);
  const std::string entry_key = keys::Entry(inode->parent(), inode->name());
  CVG_ASSIGN_OR_RETURN(const auto entry, edit.Get<records::DirectoryEntry>(entry_key));
  const bool is_there = entry.has_value() && entry->inode() == id;  // Else it is being deleted.
  inode->set_part_due_ms(is_there && due > now ? due : 0);
  edit.Put(keys::Inode(id), *inode);
  if (due > now && is_there) edit.PutText(keys::Part(due, id), "1");
  if (due <= now && is_there) {
    edit.Delete(entry_key);
    records::Chore chore;
    chore.set_kind(records::Chore::KIND_DELETE);
    edit.Put(keys::Chore(id), chore);
  }
  CVG_RETURN_IF_ERROR(edit.Commit());
  return true;
}

absl::Status DeferredWork::LetGo(const TrashEntry& entry) {
  Transaction edit(env_.rows);
  bool is_known = false;
  for (const ChunkRef& chunk : entry.chunks) {
    const std::string key = keys::Chunk(chunk.volume, chunk.chunk);
    CVG_ASSIGN_OR_RETURN(const auto use, edit.GetText(key));
    if (!use.has_value()) continue;
    edit.Delete(key);
    is_known = true;
  }
  return is_known ? edit.Commit() : absl::OkStatus();
}

absl::Status DeferredWork::Forget(const TrashEntry& entry) {
  Transaction edit(env_.rows);
  edit.Delete(entry.key);
  for (const ChunkRef& chunk : entry.chunks) edit.Delete(keys::Chunk(chunk.volume, chunk.chunk));
  return edit.Commit();
}

}  // namespace convergia::datamgr
