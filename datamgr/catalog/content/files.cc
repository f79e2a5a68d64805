#include "datamgr/catalog/content/files.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "datamgr/catalog/transactions/keys.h"

namespace convergia::datamgr {
namespace {

absl::StatusOr<records::Inode> Load(Transaction& edit, uint64_t id) {
  CVG_ASSIGN_OR_RETURN(auto inode, edit.Get<records::Inode>(keys::Inode(id)));
  if (!inode.has_value()) return absl::DataLossError("the catalog lost an inode");
  return *std::move(inode);
}

// The path of the folder on the way to `path` that is `depth` levels below "/".
absl::StatusOr<std::string> FolderOn(absl::string_view path, size_t depth) {
  CVG_ASSIGN_OR_RETURN(Path names, ParsePath(path));
  names.resize(std::min(names.size(), depth));
  return absl::StrCat("/", absl::StrJoin(names, "/"));
}

}  // namespace

absl::StatusOr<ReadPlan> PlanRead(const Extents& extents, uint64_t id, const records::Inode& inode,
                                  uint64_t offset, uint64_t length) {
  if (length > limits::kChunkBytesMax) {
    return Fail(FailCode::kBadField, absl::StrCat("at most ", limits::kChunkBytesMax,
                                                  " bytes are read at once; read it in parts"));
  }
  if (offset > inode.bytes()) {
    return Fail(FailCode::kBadField,
                absl::StrCat("it ends at ", inode.bytes(), "; read from there or before"));
  }
  const uint64_t end = std::min(inode.bytes(), offset + length);
  ReadPlan plan;
  CVG_ASSIGN_OR_RETURN(plan.pieces, extents.Resolve(id, inode, offset, end, kReadPiecesMax));
  for (const Piece& piece : plan.pieces) plan.bytes += piece.length;
  const bool may_be_short = plan.pieces.size() == kReadPiecesMax;
  if (plan.bytes != end - offset && !may_be_short) {
    return absl::DataLossError("the catalog has a gap in a file");
  }
  return plan;
}

absl::Status Files::AdmitWrite(const std::string& user, absl::string_view path, uint64_t length) {
  if (length > limits::kChunkBytesMax) {
    return Fail(FailCode::kBadField, absl::StrCat("at most ", limits::kChunkBytesMax,
                                                  " bytes are written at once; write it in parts"));
  }
  Transaction edit(env_.rows);
  CVG_ASSIGN_OR_RETURN(const Found found,
                       tree_.Find(edit, user, path, Right::kWrite, records::KIND_FILE));
  CVG_ASSIGN_OR_RETURN(const records::Inode inode, Load(edit, found.inode));
  // This check allows slightly more than the quota, so a full user can still overwrite. The commit
  // counts exactly.
  CVG_ASSIGN_OR_RETURN(const auto usage,
                       edit.GetOrEmpty<records::Usage>(keys::Usage(inode.owner())));
  if (length > 0 && usage.bytes() > env_.options.quota_bytes) {
    return Fail(FailCode::kQuota,
                absl::StrCat("the files of ", inode.owner(), " may take ", env_.options.quota_bytes,
                             " bytes in all; delete some first"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Files::Open> Files::OpenToWrite(const std::string& user, absl::string_view path) {
  Transaction edit(env_.rows);
  CVG_ASSIGN_OR_RETURN(const Found found,
                       tree_.Find(edit, user, path, Right::kWrite, records::KIND_FILE));
  CVG_ASSIGN_OR_RETURN(records::Inode inode, Load(edit, found.inode));
  if (!inode.has_overlay()) return Open{found.inode, std::move(inode)};
  CVG_ASSIGN_OR_RETURN(const bool worked, deferred_work_.StepOf(found.inode));
  return worked ? CallAgain() : absl::DataLossError("an overlay without its work");
}

absl::StatusOr<uint64_t> Files::Write(const std::string& user, absl::string_view path,
                                      uint64_t offset, const std::optional<ChunkRef>& chunk,
                                      absl::string_view hash) {
  CVG_ASSIGN_OR_RETURN(Open file, OpenToWrite(user, path));
  records::Inode& inode = file.inode;
  if (offset > inode.bytes()) {
    return Fail(FailCode::kBadField,
                absl::StrCat("the file ends at ", inode.bytes(), "; write from there or before"));
  }
  if (!chunk.has_value()) return inode.bytes();
  if (offset + chunk->bytes > kFileBytesMax) {
    return Fail(FailCode::kBadField,
                absl::StrCat("a file has at most ", kFileBytesMax, " bytes; begin another"));
  }
  Transaction edit(env_.rows);
  const uint64_t end = offset + chunk->bytes;
  CVG_RETURN_IF_ERROR(extents_.Overwrite(edit, file.id, &inode, offset, end, chunk));
  inode.set_bytes(std::max(inode.bytes(), end));
  hashes_.OnWrite(edit, file.id, offset, end, inode.bytes(), hash);
  CVG_RETURN_IF_ERROR(PutChanged(edit, file.id, &inode));
  CVG_RETURN_IF_ERROR(edit.Commit());
  join_work_.OnWrite(file.id, offset, chunk->bytes);
  return inode.bytes();
}

absl::Status Files::Truncate(const std::string& user, absl::string_view path, uint64_t bytes) {
  CVG_ASSIGN_OR_RETURN(Open file, OpenToWrite(user, path));
  records::Inode& inode = file.inode;
  if (bytes > inode.bytes()) {
    return Fail(FailCode::kBadField, absl::StrCat("the file has ", inode.bytes(),
                                                  " bytes; it can only be cut, or written on"));
  }
  if (bytes == inode.bytes()) return absl::OkStatus();
  Transaction edit(env_.rows);
  CVG_RETURN_IF_ERROR(
      extents_.Overwrite(edit, file.id, &inode, bytes, inode.bytes(), std::nullopt));
  inode.set_bytes(bytes);
  hashes_.OnTruncate(edit, file.id, bytes);
  CVG_RETURN_IF_ERROR(PutChanged(edit, file.id, &inode));
  return edit.Commit();
}

absl::Status Files::PutChanged(Transaction& edit, uint64_t id, records::Inode* inode) {
  CVG_ASSIGN_OR_RETURN(const uint64_t version, env_.numbers.Next());
  inode->set_version(version);
  inode->set_modified_ms(env_.NowMs());
  inode->clear_hash();
  edit.Put(keys::Inode(id), *inode);
  return absl::OkStatus();
}

absl::StatusOr<ReadPlan> Files::Read(const std::string& user, absl::string_view path,
                                     uint64_t offset, uint64_t length, uint64_t version) {
  Transaction edit(env_.rows);
  CVG_ASSIGN_OR_RETURN(const Found found,
                       tree_.Find(edit, user, path, Right::kRead, records::KIND_FILE));
  CVG_ASSIGN_OR_RETURN(const records::Inode inode, Load(edit, found.inode));
  if (version != 0 && VersionOf(found.inode, inode) != version) {
    return Fail(FailCode::kNotFound,
                "the file has changed, or another took its place; ask GETINFO and begin again");
  }
  CVG_ASSIGN_OR_RETURN(ReadPlan plan, PlanRead(extents_, found.inode, inode, offset, length));
  if (plan.pieces.size() == kReadPiecesMax) join_work_.Want(found.inode, offset);
  return plan;
}

absl::StatusOr<FileFacts> Files::Describe(const std::string& user, absl::string_view path) {
  Transaction edit(env_.rows);
  CVG_ASSIGN_OR_RETURN(const Found found, tree_.Find(edit, user, path, Right::kRead, std::nullopt));
  CVG_ASSIGN_OR_RETURN(const records::Inode inode, Load(edit, found.inode));
  FileFacts facts{.id = found.inode,
                  .is_folder = found.kind == records::KIND_FOLDER,
                  .is_part = inode.part_due_ms() != 0,
                  .bytes = inode.bytes(),
                  .created_ms = inode.created_ms(),
                  .modified_ms = inode.modified_ms(),
                  .owner = inode.owner(),
                  .right = found.right};
  CVG_ASSIGN_OR_RETURN(facts.permissions, tree_.rights().Entries(found.folders.back()));
  CVG_ASSIGN_OR_RETURN(const auto decision, tree_.rights().Decide(edit, user, found.folders));
  if (decision.folder.has_value() && *decision.folder + 1 < found.folders.size()) {
    CVG_ASSIGN_OR_RETURN(std::string folder, FolderOn(path, *decision.folder));
    facts.inherited = {decision.is_everybodys ? std::string(kEverybody) : user, decision.right,
                       std::move(folder)};
  }
  if (facts.is_folder) return facts;
  facts.version = VersionOf(found.inode, inode);
  CVG_ASSIGN_OR_RETURN(facts.hash, hashes_.OfFile(found.inode, inode));
  if (facts.hash.empty()) hash_work_.Want(found.inode);
  CVG_ASSIGN_OR_RETURN(facts.volumes, extents_.Volumes(found.inode, kFactsExtentsMax));
  return facts;
}

}  // namespace convergia::datamgr
