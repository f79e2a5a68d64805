#include "datamgr/repair/copy/volume_scan.h"

#include <memory>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "common/base/fail.h"
#include "common/base/limits.h"

namespace convergia::datamgr {
namespace {

constexpr absl::Duration kListTimeout = absl::Seconds(20);
constexpr int kLivePage = 10'000;
constexpr size_t kDamagedMax = 5'000;

class Scan : public std::enable_shared_from_this<Scan> {
 public:
  Scan(const VolumeScanner::Deps& deps, VolumeId volume, ChunkId young,
       VolumeScanner::ListsDone done)
      : deps_(deps), volume_(volume), done_(std::move(done)) {
    lists_.young = young;
  }

  void Start(const std::vector<NodeId>& servers) {
    {
      absl::MutexLock lock(&mu_);
      unanswered_ = servers.size() + 1;
    }
    for (const NodeId server : servers) AskPage(server, 0, std::make_shared<PieceList>());
    EndOne();
  }

 private:
  void AskPage(NodeId server, ChunkId from, std::shared_ptr<PieceList> list) {
    v1::ChunkRequest request;
    request.mutable_list()->set_volume(volume_);
    request.mutable_list()->set_from(from);
    deps_.hub->Ask(
        server, std::move(request), ServerHub::Priority::kRepair, kListTimeout,
        [self = shared_from_this(), server, list = std::move(list)](
            absl::StatusOr<v1::ChunkResponse> response) { self->OnPage(server, list, response); });
  }
  void OnPage(NodeId server, const std::shared_ptr<PieceList>& list,
              const absl::StatusOr<v1::ChunkResponse>& response) {
    if (!response.ok()) return EndOne();
    for (const v1::ListedChunk& chunk : response->list().chunks()) {
      (*list)[chunk.chunk()] = {chunk.length(), chunk.checksum(), chunk.damaged()};
    }
    if (response->list().has_next()) return AskPage(server, response->list().next(), list);
    {
      absl::MutexLock lock(&mu_);
      lists_.of[server] = std::move(*list);
    }
    EndOne();
  }
  void EndOne() {
    {
      absl::MutexLock lock(&mu_);
      if (--unanswered_ > 0) return;
      if (lists_.of.empty()) status_ = absl::UnavailableError("no server lists this volume");
    }
    const bool posted =
        status_.ok() && deps_.work->TryPost([self = shared_from_this()] { self->AskCatalog(); });
    if (posted) return;
    if (status_.ok()) status_ = Fail(FailCode::kBusy, "too much is waiting for the catalog");
    done_(status_);
  }
  // After the servers: what is deleted meanwhile is then not taken for lost.
  void AskCatalog() {
    absl::MutexLock lock(&mu_);  // Only for the annotations: no other thread is left.
    ChunkId after = 0;
    while (true) {
      const auto page = deps_.live->ListLive(volume_, after, kLivePage);
      if (!page.ok()) return done_(page.status());
      for (const ChunkRef& ref : *page) lists_.live[ref.chunk] = ref.bytes;
      if (page->size() < static_cast<size_t>(kLivePage)) break;
      after = page->back().chunk;
    }
    done_(std::move(lists_));
  }

  const VolumeScanner::Deps deps_;
  const VolumeId volume_;
  VolumeScanner::ListsDone done_;
  absl::Mutex mu_;
  size_t unanswered_ ABSL_GUARDED_BY(mu_) = 0;
  VolumeLists lists_ ABSL_GUARDED_BY(mu_);
  absl::Status status_;  // Set by the last answer.
};

using HoldingsDone = VolumeScanner::HoldingsDone;

void AskHoldings(ServerHub* hub, NodeId server, VolumeId after,
                 std::shared_ptr<std::map<VolumeId, Holding>> holdings,
                 std::shared_ptr<HoldingsDone> done) {
  v1::ChunkRequest request;
  request.mutable_list_volumes()->set_after(after);
  hub->Ask(server, std::move(request), ServerHub::Priority::kClient, kListTimeout,
           [=](absl::StatusOr<v1::ChunkResponse> response) {
             if (!response.ok()) return (*done)(response.status());
             for (const v1::ListedVolume& volume : response->list_volumes().volumes()) {
               (*holdings)[volume.volume()] = {volume.chunks(), volume.bytes()};
             }
             if (!response->list_volumes().has_next_after()) return (*done)(std::move(*holdings));
             AskHoldings(hub, server, response->list_volumes().next_after(), holdings, done);
           });
}

using DamagedDone = VolumeScanner::DamagedDone;

void AskDamaged(ServerHub* hub, NodeId server,
                std::shared_ptr<std::vector<std::pair<VolumeId, ChunkId>>> found,
                std::shared_ptr<DamagedDone> done) {
  v1::ChunkRequest request;
  v1::ListDamaged* const list = request.mutable_list_damaged();
  if (!found->empty()) {
    list->mutable_after()->set_volume(found->back().first);
    list->mutable_after()->set_chunk(found->back().second);
  }
  hub->Ask(server, std::move(request), ServerHub::Priority::kClient, kListTimeout,
           [=](absl::StatusOr<v1::ChunkResponse> response) {
             if (!response.ok()) return (*done)(response.status());
             const v1::ListDamagedResult& result = response->list_damaged();
             for (const v1::DamagedChunk& chunk : result.chunks()) {
               found->emplace_back(chunk.key().volume(), chunk.key().chunk());
             }
             const bool more = result.more() && result.chunks_size() > 0;
             if (!more || found->size() >= kDamagedMax) return (*done)(std::move(*found));
             AskDamaged(hub, server, found, done);
           });
}

}  // namespace

void VolumeScanner::ScanVolume(VolumeId volume, const std::vector<NodeId>& servers, ChunkId young,
                               ListsDone done) const {
  std::make_shared<Scan>(deps_, volume, young, std::move(done))->Start(servers);
}

void VolumeScanner::ListHoldings(NodeId server, HoldingsDone done) const {
  AskHoldings(deps_.hub, server, 0, std::make_shared<std::map<VolumeId, Holding>>(),
              std::make_shared<HoldingsDone>(std::move(done)));
}

void VolumeScanner::ListDamagedChunks(NodeId server, DamagedDone done) const {
  AskDamaged(deps_.hub, server, std::make_shared<std::vector<std::pair<VolumeId, ChunkId>>>(),
             std::make_shared<DamagedDone>(std::move(done)));
}

}  // namespace convergia::datamgr
