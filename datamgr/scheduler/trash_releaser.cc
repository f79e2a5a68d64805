#include "datamgr/scheduler/trash_releaser.h"

#include <glog/logging.h>

namespace convergia::datamgr {
namespace {

// The bounds of one batch. Each chunk costs one row to read and one to delete.
constexpr int kEntriesMax = 100;
constexpr size_t kChunksMax = 400;

}  // namespace

void TrashReleaser::Begin() {
  if (under_way_ > 0) return;
  auto entries = deps_.catalog->deferred_work().DueTrash(kEntriesMax);
  if (!entries.ok()) {
    LOG_EVERY_N(ERROR, 100) << "trash cannot be read: " << entries.status();
    return;
  }
  has_more_ = entries->size() == kEntriesMax;
  Entries load;
  size_t load_chunks = 0;
  size_t chunks = 0;
  for (DeferredWork::TrashEntry& entry : *entries) {
    chunks += entry.chunks.size();
    if (chunks > kChunksMax && chunks > entry.chunks.size()) {
      has_more_ = true;
      break;
    }
    if (const absl::Status gone = deps_.catalog->deferred_work().LetGo(entry); !gone.ok()) {
      LOG_EVERY_N(ERROR, 100) << "trash stays: " << gone;
      has_more_ = false;
      continue;
    }
    if (load_chunks + entry.chunks.size() > kReleasedChunksMax) {
      Send(std::exchange(load, {}));
      load_chunks = 0;
    }
    load_chunks += entry.chunks.size();
    load.push_back(std::move(entry));
  }
  Send(std::move(load));
}

void TrashReleaser::Send(Entries entries) {
  if (entries.empty()) return;
  ++under_way_;
  // Release chunks only after the catalog's LetGo() is durable.
  deps_.catalog->WhenDurable([this, entries = std::move(entries)](const absl::Status& durable) {
    if (durable.ok()) return Release(entries);
    deps_.run([this] { --under_way_; });
  });
}

void TrashReleaser::Release(const Entries& entries) {
  std::vector<ChunkRef> chunks;
  for (const DeferredWork::TrashEntry& entry : entries) {
    chunks.insert(chunks.end(), entry.chunks.begin(), entry.chunks.end());
  }
  deps_.chunks->Release(std::move(chunks), [this, entries](const absl::Status& released) {
    deps_.run([this, entries, released] { OnReleased(entries, released); });
  });
}

void TrashReleaser::OnReleased(const Entries& entries, const absl::Status& released) {
  --under_way_;
  if (!released.ok()) {
    has_more_ = false;  // The next Begin() tries again.
    return;
  }
  for (const DeferredWork::TrashEntry& entry : entries) {
    const absl::Status forgotten = deps_.catalog->deferred_work().Forget(entry);
    LOG_IF(ERROR, !forgotten.ok()) << "released chunks stay on record: " << forgotten;
    if (!forgotten.ok()) has_more_ = false;
  }
  if (has_more_) Begin();
}

}  // namespace convergia::datamgr
