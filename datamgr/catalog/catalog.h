#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/clock.h"
#include "common/store/store.h"
#include "datamgr/catalog/catalog_env.h"
#include "datamgr/catalog/deferred_work.h"
#include "datamgr/catalog/files.h"
#include "datamgr/catalog/hash_work.h"
#include "datamgr/catalog/join_work.h"
#include "datamgr/catalog/leaf_hashes.h"
#include "datamgr/catalog/mailboxes.h"
#include "datamgr/catalog/metadata.h"
#include "datamgr/catalog/pipelined_store.h"
#include "datamgr/catalog/tree.h"
#include "datamgr/chunk_layer.h"

namespace convergia::datamgr {

// All that users see of stored data, as rows of one store:
//
//   Tree        folders, names, permissions       Mailboxes  offline messages and drafts
//   Files       what is in files                  Metadata   what users say of themselves
//   DeferredWork      what was left to be done, trash, parts that nobody goes on with
//   HashWork    hashes of files that are to be found out
//   JoinWork    runs of tiny pieces that are to be joined
//
// It knows chunks by name only. In memory it keeps two counters, what is not durable yet, and what
// a crash may forget: folders being measured, files to hash or to join, and who sent how many
// messages in the last minute. So a catalog that is opened after a crash is the one that crashed.
//
// Every function touches a bounded number of rows, and is one commit, or none, unless it says
// otherwise. Work that is larger is cut: see CallAgain(). What a function did or saw is in
// force for those after it, but nobody is to be told before WhenDurable() says so: see
// PipelinedStore. One thread at a time.
class Catalog {
 public:
  // `store` and `clock` must outlive it. Errors: those of the store.
  static absl::StatusOr<std::unique_ptr<Catalog>> Open(store::Store& store, const Clock& clock,
                                                       CatalogOptions options);

  Tree& tree() { return tree_; }
  Files& files() { return files_; }
  Mailboxes& mailboxes() { return mailboxes_; }
  Metadata& metadata() { return metadata_; }
  DeferredWork& deferred_work() { return deferred_work_; }
  HashWork& hash_work() { return hash_work_; }
  JoinWork& join_work() { return join_work_; }

  // Calls `done` when all that was done or seen so far is durable, perhaps at once, or with an
  // error for its user if it never will be. On any thread; must not block.
  void WhenDurable(PipelinedStore::Durable done);

  // Waits until nothing is left to become durable, and all are told.
  void Flush() { rows_.Flush(); }

  // What was read and changed since Open(): the cost of each function.
  Touched touched() const { return rows_.touched(); }

 private:
  Catalog(store::Store& store, const Clock& clock, CatalogOptions options);

  PipelinedStore rows_;
  CatalogEnv env_;
  Tree tree_;
  LeafHashes hashes_;
  HashWork hash_work_;
  DeferredWork deferred_work_;
  JoinWork join_work_;
  Files files_;
  Mailboxes mailboxes_;
  Metadata metadata_;
};

// Which chunks a catalog's store needs. Beside the catalog's thread: it only reads, and only what
// is durable.
class CatalogChunks final : public LiveChunks {
 public:
  explicit CatalogChunks(store::Store& store) : store_(store) {}

  absl::StatusOr<std::vector<bool>> AreLive(absl::Span<const ChunkRef> refs) const override;
  absl::StatusOr<std::vector<ChunkRef>> ListLive(uint64_t volume, uint64_t after,
                                                 int limit) const override;

 private:
  store::Store& store_;
};

}  // namespace convergia::datamgr
