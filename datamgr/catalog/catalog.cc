#include "datamgr/catalog/catalog.h"

#include <glog/logging.h>

#include <utility>

#include "common/base/status_macros.h"
#include "datamgr/catalog/transactions/keys.h"

namespace convergia::datamgr {

Catalog::Catalog(store::Store& store, const Clock& clock, CatalogOptions options)
    : rows_(store),
      env_{rows_, clock, std::move(options), Numbers(rows_)},
      tree_(&env_),
      hashes_(&env_),
      hash_work_(&env_, &hashes_),
      deferred_work_(&env_),
      join_work_({.env = &env_, .deferred_work = &deferred_work_}),
      files_({.env = &env_,
              .tree = &tree_,
              .deferred_work = &deferred_work_,
              .hashes = &hashes_,
              .hash_work = &hash_work_,
              .join_work = &join_work_}),
      mailboxes_(&env_),
      metadata_(&env_) {}

absl::StatusOr<std::unique_ptr<Catalog>> Catalog::Open(store::Store& store, const Clock& clock,
                                                       CatalogOptions options) {
  std::unique_ptr<Catalog> catalog(new Catalog(store, clock, std::move(options)));
  CVG_RETURN_IF_ERROR(catalog->tree_.Open());
  return catalog;
}

void Catalog::WhenDurable(PipelinedStore::Durable done) {
  rows_.WhenDurable([done = std::move(done)](const absl::Status& outcome) mutable {
    done(CommitError(outcome));
  });
}

absl::StatusOr<std::vector<bool>> CatalogChunks::AreLive(absl::Span<const ChunkRef> refs) const {
  const std::unique_ptr<store::Snapshot> now = store_.TakeSnapshot();
  std::vector<bool> live;
  for (const ChunkRef& ref : refs) {
    CVG_ASSIGN_OR_RETURN(const auto use, now->Get(keys::Chunk(ref.volume, ref.chunk)));
    live.push_back(use.has_value());
  }
  return live;
}

absl::StatusOr<std::vector<ChunkRef>> CatalogChunks::ListLive(uint64_t volume, uint64_t after,
                                                              int limit) const {
  std::vector<ChunkRef> refs;
  if (after == UINT64_MAX) return refs;
  CVG_ASSIGN_OR_RETURN(
      const store::Page page,
      store_.Scan(keys::Chunk(volume, after + 1), store::PrefixEnd(keys::Chunks(volume)), limit));
  for (const store::KeyValue& row : page.rows) {
    records::ChunkUse use;
    // A damaged row keeps its chunk. 0 means that the length is unknown: that of the copies counts.
    const bool is_whole = use.ParseFromString(row.value) && use.bytes() <= limits::kChunkBytesMax;
    LOG_IF_EVERY_N(ERROR, !is_whole, 100) << "a chunk's row of volume " << volume << " is damaged";
    refs.push_back({volume, keys::NumberAtEnd(row.key), is_whole ? use.bytes() : 0});
  }
  return refs;
}

}  // namespace convergia::datamgr
