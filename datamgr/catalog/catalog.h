#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/clock.h"
#include "common/store/store.h"
#include "datamgr/catalog/content/deferred_work.h"
#include "datamgr/catalog/content/files.h"
#include "datamgr/catalog/content/hash_work.h"
#include "datamgr/catalog/content/join_work.h"
#include "datamgr/catalog/content/leaf_hashes.h"
#include "datamgr/catalog/mail/mailboxes.h"
#include "datamgr/catalog/transactions/catalog_env.h"
#include "datamgr/catalog/transactions/pipelined_store.h"
#include "datamgr/catalog/tree/metadata.h"
#include "datamgr/catalog/tree/tree.h"
#include "datamgr/chunk_layer.h"

namespace convergia::datamgr {

// All stored data that users see, as rows of one store:
//
//   Tree          folders, names, permissions
//   Files         the content of files
//   Mailboxes     offline messages and drafts
//   Metadata      the keys and values that users publish
//   DeferredWork  work left by commits, trash, parts that nobody continues
//   HashWork      hashes of files that must be computed
//   JoinWork      runs of tiny pieces that must be joined
//
// The catalog knows chunks only by name. In memory it keeps the range of numbers that Numbers
// reserved, commits that are not durable yet, and state that a crash may forget: folders being
// measured, files to hash or to join, and the messages that each user sent in the last minute. So a
// catalog opened after a crash continues where it stopped.
//
// Every function touches a bounded number of rows. Unless it says otherwise it makes one commit, or
// none. Larger work is done in steps: see CallAgain(). Later calls see the result of a call at
// once. The caller may answer its user only when WhenDurable() reports: see PipelinedStore.
//
// Not thread-safe: one thread at a time.
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

  // Calls `done` when everything done or read so far is durable, at once if it already is. If it
  // can never become durable, `done` gets an error that its user may read. `done` runs on any
  // thread and must not block.
  void WhenDurable(PipelinedStore::Durable done);

  // Blocks until everything is durable and every callback has returned.
  void Flush() { rows_.Flush(); }

  // The rows and bytes read and changed since Open(). The difference is the cost of a call.
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

// The chunks that a catalog's store needs. It only reads, and only durable rows, so it may run
// beside the catalog's thread. Thread-safe.
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
