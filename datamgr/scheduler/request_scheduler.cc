#include "datamgr/scheduler/request_scheduler.h"

#include <glog/logging.h>

#include "common/base/fail.h"
#include "datamgr/scheduler/operations.h"
#include "datamgr/scheduler/piece_reader.h"

namespace convergia::datamgr {
namespace {

// Requests that wait for the catalog. Each stream bounds its own by bytes.
constexpr size_t kTasksMax = 100'000;
constexpr absl::Duration kTendEvery = absl::Milliseconds(200);
// Of trash, at once.
constexpr int kBagsMax = 100;

}  // namespace

RequestScheduler::RequestScheduler(Parts parts)
    : parts_(std::move(parts)),
      hasher_({.catalog = parts_.catalog,
               .chunks = parts_.chunks,
               .run = [this](Task task) { Return(std::move(task)); }}),
      work_(/*threads=*/1, kTasksMax) {}

void RequestScheduler::Start() {
  tender_ = std::thread([this] { TendLoop(); });
}

void RequestScheduler::Stop() {
  {
    absl::MutexLock lock(&mu_);
    if (std::exchange(stopping_, true)) return;
  }
  if (tender_.joinable()) tender_.join();
  work_.Stop();
  parts_.catalog->Flush();  // What it tells uses this.
  // Requests that wait for what will not come.
  queues_.clear();
  std::deque<Task> returned;
  {
    absl::MutexLock lock(&mu_);
    returned.swap(returned_);
  }
}

void RequestScheduler::Settle(const ItemPtr& item, const absl::Status& status,
                              v1::DataResponse response) {
  parts_.catalog->WhenDurable(
      [item, status, response = std::move(response)](const absl::Status& durable) mutable {
        Answer(*item, durable.ok() ? status : durable, std::move(response));
      });
}

void RequestScheduler::Answer(Item& item, const absl::Status& status, v1::DataResponse response) {
  if (!status.ok()) {
    response.Clear();
    if (!HasFailCode(status) || FailCodeOf(status) == FailCode::kInternal) {
      LOG(ERROR) << "a request of " << item.request.user() << " failed: " << status;
    }
    response.set_fail_code(std::string(FailCodeWord(FailCodeOf(status))));
    response.set_text(HasFailCode(status) ? std::string(status.message())
                                          : "the data management server failed; its log says more");
  }
  response.set_id(item.request.id());
  item.done(std::move(response));
}

void RequestScheduler::CountUnanswered(int change) {
  absl::MutexLock lock(&mu_);
  unanswered_ += change;
}

bool RequestScheduler::Drain(absl::Duration longest) {
  absl::MutexLock lock(&mu_);
  draining_ = true;
  const auto is_idle = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return unanswered_ == 0; };
  const bool idle = mu_.AwaitWithTimeout(absl::Condition(&is_idle), longest);
  LOG_IF(WARNING, !idle) << unanswered_ << " requests take too long; they are not waited for";
  return idle;
}

void RequestScheduler::Open(uint64_t stream) {
  Return([this, stream] { open_streams_.insert(stream); });
}

void RequestScheduler::Close(uint64_t stream) {
  Return([this, stream] {
    open_streams_.erase(stream);
    DropRequests(stream);
  });
}

void RequestScheduler::DropRequests(uint64_t stream) {
  const auto begin = queues_.lower_bound({stream, 0});
  const auto end = queues_.lower_bound({stream + 1, 0});
  for (auto queue = begin; queue != end; ++queue) {
    for (const ItemPtr& item : queue->second) {
      item->dropped = true;
      const bool has_chunk = item->written.has_value() && item->written->ok();
      if (has_chunk) parts_.chunks->Release({**item->written}, [](const absl::Status&) {});
    }
  }
  queues_.erase(begin, end);
}

void RequestScheduler::Handle(Client client, v1::DataRequest request, Done done) {
  auto item = std::make_shared<Item>(this);
  item->client = client;
  item->request = std::move(request);
  item->done = std::move(done);
  bool draining = false;
  {
    absl::MutexLock lock(&mu_);
    draining = draining_;
  }
  if (draining) {
    return Answer(*item, Fail(FailCode::kStorageDown,
                              "the data management server stops; try again in a minute"));
  }
  if (item->request.has_write_file()) {  // Here, for it would hold up all others there.
    const v1::WriteFileOp& write = item->request.write_file();
    item->hash = HashForWrite(write.offset(), write.data());
  }
  const bool taken = work_.TryPost([this, item] {
    RunReturned();  // Perhaps that its stream is open, or that it was closed.
    if (!open_streams_.contains(item->client.first)) return;
    queues_[item->client].push_back(item);
    Pump(item->client);
  });
  if (!taken) {
    Answer(*item, Fail(FailCode::kBusy, "too many requests wait; try again in a moment"));
  }
}

void RequestScheduler::Return(Task task) {
  {
    absl::MutexLock lock(&mu_);
    returned_.push_back(std::move(task));
  }
  // Full: then some task that waits runs what has returned before its own work.
  (void)work_.TryPost([this] { RunReturned(); });
}

void RequestScheduler::RunReturned() {
  std::deque<Task> tasks;
  {
    absl::MutexLock lock(&mu_);
    tasks.swap(returned_);
  }
  for (const Task& task : tasks) task();
}

void RequestScheduler::Pump(Client client) {
  const auto found = queues_.find(client);
  if (found == queues_.end()) return;
  std::deque<ItemPtr>& queue = found->second;
  while (!queue.empty() && Advance(queue.front())) queue.pop_front();
  // Behind writes that are under way, further writes may begin.
  for (const ItemPtr& item : queue) {
    if (!IsWrite(item->request)) break;
    if (!item->began) BeginWrite(item);
  }
  if (queue.empty()) queues_.erase(found);
}

bool RequestScheduler::Advance(const ItemPtr& item) {
  if (IsWrite(item->request)) return AdvanceWrite(item);
  if (IsRead(item->request)) {
    BeginRead(item);
    return true;
  }
  if (!item->began) BeginLookup(item);
  if (!item->users_checked.has_value()) return false;
  if (item->users_checked->ok()) {
    ExecuteNow(item);
  } else {
    Settle(item, *item->users_checked);
  }
  return true;
}

bool RequestScheduler::AdvanceWrite(const ItemPtr& item) {
  if (!item->began) BeginWrite(item);
  if (item->has_bytes && !item->written.has_value()) return false;
  FinishWrite(item);
  return true;
}

void RequestScheduler::BeginWrite(const ItemPtr& item) {
  item->began = true;
  std::string bytes = std::move(*BytesOf(&item->request));
  item->has_bytes = true;
  const absl::Status admitted = Admit(*parts_.catalog, item->request, bytes.size());
  if (!admitted.ok()) {
    item->written = admitted;
    return;
  }
  if (bytes.empty()) {
    item->has_bytes = false;
    return;
  }
  const absl::string_view path =
      item->request.has_write_file() ? item->request.write_file().path() : absl::string_view();
  parts_.chunks->Write(
      std::move(bytes), parts_.prefer(path), [this, item](absl::StatusOr<ChunkRef> written) {
        Return([this, item, written = std::move(written)] { OnWritten(item, written); });
      });
}

void RequestScheduler::OnWritten(const ItemPtr& item, absl::StatusOr<ChunkRef> written) {
  if (item->dropped) {
    if (written.ok()) parts_.chunks->Release({*written}, [](const absl::Status&) {});
    return;
  }
  item->written = std::move(written);
  Pump(item->client);
}

void RequestScheduler::FinishWrite(const ItemPtr& item) {
  std::optional<ChunkRef> chunk;
  if (item->has_bytes) {
    if (!item->written->ok()) return Settle(item, item->written->status());
    chunk = **item->written;
  }
  const absl::StatusOr<uint64_t> size =
      CommitWrite(*parts_.catalog, item->request, chunk, item->hash);
  v1::DataResponse response;
  if (size.ok()) response.set_number(*size);
  // Perhaps the commit was done and only its answer lost: then the sweep decides.
  const bool is_orphan =
      !size.ok() && chunk.has_value() && FailCodeOf(size.status()) != FailCode::kUnconfirmed;
  if (is_orphan) parts_.chunks->Release({*chunk}, [](const absl::Status&) {});
  Settle(item, size.status(), std::move(response));
}

void RequestScheduler::BeginLookup(const ItemPtr& item) {
  item->began = true;
  absl::StatusOr<std::vector<std::string>> users = NamedUsers(*parts_.catalog, item->request);
  if (!users.ok() || users->empty()) {
    item->users_checked = users.status();
    return;
  }
  parts_.users->CheckExist(*std::move(users), [this, item](const absl::Status& checked) {
    Return([this, item, checked] {
      item->users_checked = AnswerToLookup(item->request, checked);
      Pump(item->client);
    });
  });
}

void RequestScheduler::BeginRead(const ItemPtr& item) {
  absl::StatusOr<ReadPlan> plan = PlanReadOf(*parts_.catalog, item->request);
  if (!plan.ok() || plan->pieces.empty()) {
    v1::DataResponse response;
    response.set_data("");
    return Settle(item, plan.status(), std::move(response));
  }
  parts_.catalog->WhenDurable([this, item, plan = *std::move(plan)](const absl::Status& durable) {
    if (!durable.ok()) return Answer(*item, durable);
    Fetch(item, plan);
  });
}

void RequestScheduler::Fetch(const ItemPtr& item, const ReadPlan& plan) {
  ReadPieces(*parts_.chunks, plan.pieces, [item](absl::StatusOr<std::string> bytes) {
    v1::DataResponse response;
    if (bytes.ok()) *response.mutable_data() = *std::move(bytes);
    Answer(*item, bytes.status(), std::move(response));
  });
}

void RequestScheduler::ExecuteNow(const ItemPtr& item) {
  v1::DataResponse response;
  std::vector<Arrival> arrivals;
  std::vector<uint64_t> volumes;
  const absl::Status done = Execute(*parts_.catalog, item->request, &response, &arrivals, &volumes);
  parts_.catalog->WhenDurable(
      [this, item, done, arrivals = std::move(arrivals), volumes = std::move(volumes),
       response = std::move(response)](const absl::Status& durable) mutable {
        const absl::Status outcome = durable.ok() ? done : durable;
        if (outcome.ok() && !volumes.empty()) {
          return DescribeThen(item, std::move(volumes), std::move(response));
        }
        Answer(*item, outcome, std::move(response));
        if (outcome.ok() && !arrivals.empty()) parts_.announce(arrivals);
      });
}

void RequestScheduler::DescribeThen(const ItemPtr& item, std::vector<uint64_t> volumes,
                                    v1::DataResponse response) {
  parts_.chunks->Describe(std::move(volumes),
                          [item, response = std::move(response)](
                              absl::StatusOr<std::vector<VolumePlaces>> places) mutable {
                            if (places.ok()) FillVolumes(*places, response.mutable_facts());
                            Answer(*item, places.status(), std::move(response));
                          });
}

void RequestScheduler::TendLoop() {
  absl::MutexLock lock(&mu_);
  while (!mu_.AwaitWithTimeout(absl::Condition(&stopping_), kTendEvery)) {
    mu_.Unlock();
    (void)work_.TryPost([this] {
      RunReturned();
      if (!tending_) Tend();
    });
    mu_.Lock();
  }
}

void RequestScheduler::Tend() {
  ReleaseTrash();
  // One step; then those who wait have their turn.
  tending_ = TendOnce() && work_.TryPost([this] { Tend(); });
}

bool RequestScheduler::TendOnce() {
  const absl::StatusOr<bool> expired = parts_.catalog->mailboxes().ExpireOne();
  const absl::StatusOr<bool> parted = parts_.catalog->deferred_work().ExpirePart();
  const absl::StatusOr<bool> worked = parts_.catalog->deferred_work().Step();
  const bool hashed = hasher_.Step();
  LOG_IF_EVERY_N(ERROR, !expired.ok(), 100) << "old drafts stay: " << expired.status();
  LOG_IF_EVERY_N(ERROR, !parted.ok(), 100) << "old parts stay: " << parted.status();
  LOG_IF_EVERY_N(ERROR, !worked.ok(), 100)
      << "deferred work failed and is tried again: " << worked.status();
  {
    absl::MutexLock lock(&mu_);
    if (stopping_) return false;
  }
  return hashed || expired.value_or(false) || parted.value_or(false) || worked.value_or(false);
}

void RequestScheduler::ReleaseTrash() {
  if (releases_under_way_ > 0) return;
  auto entries = parts_.catalog->deferred_work().DueTrash(kBagsMax);
  if (!entries.ok()) {
    LOG_EVERY_N(ERROR, 100) << "trash cannot be read: " << entries.status();
    return;
  }
  more_trash_ = entries->size() == kBagsMax;
  std::vector<DeferredWork::TrashEntry> load;
  size_t chunks = 0;
  const auto send = [&] {
    if (load.empty()) return;
    ++releases_under_way_;
    // Not before the catalog has surely let go of them.
    parts_.catalog->WhenDurable([this, load](const absl::Status& durable) {
      if (durable.ok()) return Release(load);
      Return([this] { --releases_under_way_; });
    });
    load.clear();
    chunks = 0;
  };
  for (DeferredWork::TrashEntry& entry : *entries) {
    if (const absl::Status gone = parts_.catalog->deferred_work().LetGo(entry); !gone.ok()) {
      LOG_EVERY_N(ERROR, 100) << "trash stays: " << gone;
      more_trash_ = false;
      continue;
    }
    if (chunks + entry.chunks.size() > kReleasedChunksMax) send();
    chunks += entry.chunks.size();
    load.push_back(std::move(entry));
  }
  send();
}

void RequestScheduler::Release(const std::vector<DeferredWork::TrashEntry>& entries) {
  std::vector<ChunkRef> chunks;
  for (const DeferredWork::TrashEntry& entry : entries) {
    chunks.insert(chunks.end(), entry.chunks.begin(), entry.chunks.end());
  }
  parts_.chunks->Release(std::move(chunks), [this, entries](const absl::Status& released) {
    Return([this, entries, released] { ForgetReleased(entries, released); });
  });
}

void RequestScheduler::ForgetReleased(const std::vector<DeferredWork::TrashEntry>& entries,
                                      const absl::Status& released) {
  --releases_under_way_;
  if (!released.ok()) {
    more_trash_ = false;  // In the next round.
    return;
  }
  for (const DeferredWork::TrashEntry& entry : entries) {
    const absl::Status forgotten = parts_.catalog->deferred_work().Forget(entry);
    LOG_IF(ERROR, !forgotten.ok()) << "released chunks stay on record: " << forgotten;
    if (!forgotten.ok()) more_trash_ = false;
  }
  if (more_trash_) ReleaseTrash();
}

}  // namespace convergia::datamgr
