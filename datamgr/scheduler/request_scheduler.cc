#include "datamgr/scheduler/request_scheduler.h"

#include <glog/logging.h>

#include "common/base/fail.h"
#include "datamgr/scheduler/operations.h"
#include "datamgr/scheduler/piece_reader.h"

namespace convergia::datamgr {
namespace {

// The most requests that wait to enter their session's queue. Each stream limits its own bytes.
constexpr size_t kEventsMax = 100'000;
constexpr absl::Duration kTendEvery = absl::Milliseconds(200);

// The bound on one turn of the catalog's thread; then it takes new events. The last request of a
// turn may exceed the bound.
constexpr uint64_t kTurnRowsMax = 1'000;
constexpr uint64_t kTurnBytesMax = 1024 * 1024;
// Reading this many bytes costs a user as much as reading one row.
constexpr uint64_t kBytesPerRow = 4'096;

std::string TextOf(const absl::Status& failure) {
  if (HasFailCode(failure)) return std::string(failure.message());
  if (absl::IsDataLoss(failure)) {
    return "a record of this is damaged on the data management server; tell the operators of this "
           "system: its log says which";
  }
  return "the data management server failed; its log says more";
}

// Requests with long answers; these are serialized on the pool.
bool HasLongAnswer(const v1::DataRequest& request) {
  return request.has_list_folder() || request.has_list_messages() || request.has_list_metadata() ||
         request.has_get_metadata();
}

}  // namespace

RequestScheduler::RequestScheduler(Deps deps)
    : deps_(std::move(deps)),
      trash_({.catalog = deps_.catalog,
              .chunks = deps_.chunks,
              .run = [this](Task task) { Return(std::move(task)); }}),
      hasher_({.catalog = deps_.catalog,
               .chunks = deps_.chunks,
               .run = [this](Task task) { Return(std::move(task)); }}),
      joiner_({.catalog = deps_.catalog,
               .chunks = deps_.chunks,
               .prefer = deps_.prefer,
               .run = [this](Task task) { Return(std::move(task)); }}),
      actor_({&executor_, &RealClock::Get()}, {.turn =
                                                   [this](absl::Duration now, bool is_last) {
                                                     return is_last ? absl::InfiniteDuration()
                                                                    : RunTurn(now);
                                                   },
                                               .events_max = kEventsMax,
                                               .drops_events_at_stop = true}) {}

void RequestScheduler::Start() { actor_.Start(); }

void RequestScheduler::Stop() {
  {
    absl::MutexLock lock(&mu_);
    if (std::exchange(stopped_, true)) return;
  }
  actor_.Stop();
  deps_.catalog->Flush();  // Its callbacks use this object.
  queues_.clear();         // Requests that wait for an answer that never comes.
}

void RequestScheduler::Settle(const ItemPtr& item, const absl::Status& status,
                              v1::DataResponse response) {
  deps_.catalog->WhenDurable(
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
    response.set_text(TextOf(status));
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
    for (const ItemPtr& item : queue->second.items) {
      item->dropped = true;
      const bool has_chunk = item->written.has_value() && item->written->ok();
      if (has_chunk) deps_.chunks->Release({**item->written}, [](const absl::Status&) {});
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
  const bool taken = actor_.Post([this, item] {
    if (!open_streams_.contains(item->client.first)) return;
    Queue& queue = queues_[item->client];
    queue.items.push_back(item);
    WaitForTurn(queue, item->client);
  });
  if (!taken) {
    Answer(*item, Fail(FailCode::kBusy, "too many requests wait; try again in a moment"));
  }
}

// ---- Turns.

absl::Duration RequestScheduler::RunTurn(absl::Duration now) {
  const bool is_somebody_waiting = RunRequests();
  if (now >= tend_at_) tend_at_ = Tend() ? now : now + kTendEvery;
  return is_somebody_waiting ? absl::ZeroDuration() : tend_at_ - now;
}

bool RequestScheduler::RunRequests() {
  const Touched begin = deps_.catalog->touched();
  Touched before = begin;
  while (const auto turn = turns_.Next()) {
    RunOne(turn->client);
    const Touched after = deps_.catalog->touched();
    turns_.Charge(turn->user,
                  1 + after.rows - before.rows + (after.bytes - before.bytes) / kBytesPerRow);
    before = after;
    if (after.rows - begin.rows >= kTurnRowsMax || after.bytes - begin.bytes >= kTurnBytesMax) {
      return true;
    }
  }
  return false;
}

void RequestScheduler::WaitForTurn(const Queue& queue, Client client) {
  turns_.Add(queue.items.front()->request.user(), client);
}

void RequestScheduler::Resume(Client client) {
  const auto found = queues_.find(client);
  if (found != queues_.end()) WaitForTurn(found->second, client);
}

void RequestScheduler::RunOne(Client client) {
  const auto found = queues_.find(client);
  if (found == queues_.end()) return;
  Queue& queue = found->second;
  const Progress progress = Advance(queue.items.front());
  if (progress == Progress::kDone) {
    queue.items.pop_front();
    if (queue.writes_begun > 0) --queue.writes_begun;
  }
  if (progress == Progress::kWaits && !BeginNextWrite(queue)) return;
  if (queue.items.empty()) {
    queues_.erase(found);
  } else {
    WaitForTurn(queue, client);
  }
}

// While earlier writes of the session wait, one further write begins. True: one began.
bool RequestScheduler::BeginNextWrite(Queue& queue) {
  while (queue.writes_begun < queue.items.size()) {
    const ItemPtr& item = queue.items[queue.writes_begun];
    if (!IsWrite(item->request)) return false;
    ++queue.writes_begun;
    if (item->began) continue;
    BeginWrite(item);
    return true;
  }
  return false;
}

RequestScheduler::Progress RequestScheduler::Advance(const ItemPtr& item) {
  if (IsWrite(item->request)) return AdvanceWrite(item);
  if (IsRead(item->request)) {
    BeginRead(item);
    return Progress::kDone;
  }
  if (!item->began) BeginLookup(item);
  if (!item->users_checked.has_value()) return Progress::kWaits;
  if (item->users_checked->ok()) return ExecuteNow(item);
  Settle(item, *item->users_checked);
  return Progress::kDone;
}

RequestScheduler::Progress RequestScheduler::AdvanceWrite(const ItemPtr& item) {
  if (!item->began) BeginWrite(item);
  if (item->has_bytes && !item->written.has_value()) return Progress::kWaits;
  return FinishWrite(item);
}

void RequestScheduler::BeginWrite(const ItemPtr& item) {
  item->began = true;
  std::string bytes = std::move(*BytesOf(&item->request));
  item->has_bytes = true;
  const absl::Status admitted = Admit(*deps_.catalog, item->request, bytes.size());
  if (!admitted.ok()) {
    item->written = admitted;
    return;
  }
  if (bytes.empty()) {
    item->has_bytes = false;
    return;
  }
  StoreBytes(item, std::move(bytes));
}

void RequestScheduler::StoreBytes(const ItemPtr& item, std::string bytes) {
  auto shared = std::make_shared<std::string>(std::move(bytes));
  OnBulkThread([this, item, shared] {
    absl::string_view path;
    if (item->request.has_write_file()) {
      path = item->request.write_file().path();
      item->hash = HashForWrite(item->request.write_file().offset(), *shared);
    }
    deps_.chunks->Write(
        std::move(*shared), deps_.prefer(path), [this, item](absl::StatusOr<ChunkRef> written) {
          Return([this, item, written = std::move(written)] { OnWritten(item, written); });
        });
  });
}

void RequestScheduler::OnBulkThread(Task task) {
  if (deps_.chunks->TryRun(task)) return;
  task();  // The pool is full, or has stopped.
}

void RequestScheduler::OnWritten(const ItemPtr& item, absl::StatusOr<ChunkRef> written) {
  if (item->dropped) {
    if (written.ok()) deps_.chunks->Release({*written}, [](const absl::Status&) {});
    return;
  }
  item->written = std::move(written);
  Resume(item->client);
}

RequestScheduler::Progress RequestScheduler::FinishWrite(const ItemPtr& item) {
  std::optional<ChunkRef> chunk;
  if (item->has_bytes && !item->written->ok()) {
    Settle(item, item->written->status());
    return Progress::kDone;
  }
  if (item->has_bytes) chunk = **item->written;
  const absl::StatusOr<uint64_t> size =
      CommitWrite(*deps_.catalog, item->request, chunk, item->hash);
  if (IsCallAgain(size.status())) return Progress::kAgain;
  v1::DataResponse response;
  if (size.ok()) response.set_number(*size);
  // After kUnconfirmed the commit may be applied, so the chunk may be in use; the sweep decides.
  const bool is_orphan =
      !size.ok() && chunk.has_value() && FailCodeOf(size.status()) != FailCode::kUnconfirmed;
  if (is_orphan) deps_.chunks->Release({*chunk}, [](const absl::Status&) {});
  Settle(item, size.status(), std::move(response));
  return Progress::kDone;
}

void RequestScheduler::BeginLookup(const ItemPtr& item) {
  item->began = true;
  absl::StatusOr<std::vector<std::string>> users = NamedUsers(*deps_.catalog, item->request);
  if (!users.ok() || users->empty()) {
    item->users_checked = users.status();
    return;
  }
  deps_.users->CheckExist(*std::move(users), [this, item](const absl::Status& checked) {
    Return([this, item, checked] {
      item->users_checked = AnswerToLookup(item->request, checked);
      Resume(item->client);
    });
  });
}

void RequestScheduler::BeginRead(const ItemPtr& item) {
  absl::StatusOr<ReadPlan> plan = PlanReadOf(*deps_.catalog, item->request);
  if (!plan.ok() || plan->pieces.empty()) {
    v1::DataResponse response;
    response.set_data("");
    return Settle(item, plan.status(), std::move(response));
  }
  deps_.catalog->WhenDurable([this, item, plan = *std::move(plan)](const absl::Status& durable) {
    if (!durable.ok()) return Answer(*item, durable);
    OnBulkThread([this, item, plan] { Fetch(item, plan); });
  });
}

void RequestScheduler::Fetch(const ItemPtr& item, const ReadPlan& plan) {
  ReadPieces(*deps_.chunks, plan.pieces, [item](absl::StatusOr<std::string> bytes) {
    v1::DataResponse response;
    if (bytes.ok()) *response.mutable_data() = *std::move(bytes);
    Answer(*item, bytes.status(), std::move(response));
  });
}

RequestScheduler::Progress RequestScheduler::ExecuteNow(const ItemPtr& item) {
  struct Outcome {
    absl::Status status;
    v1::DataResponse response;
    std::vector<Arrival> arrivals;
    std::vector<uint64_t> volumes;
  };
  auto outcome = std::make_shared<Outcome>();
  outcome->status = Execute(*deps_.catalog, item->request, &outcome->response, &outcome->arrivals,
                            &outcome->volumes);
  if (IsCallAgain(outcome->status)) return Progress::kAgain;
  deps_.catalog->WhenDurable([this, item, outcome](const absl::Status& durable) {
    if (!durable.ok()) outcome->status = durable;
    if (outcome->status.ok() && !outcome->volumes.empty()) {
      return DescribeThen(item, std::move(outcome->volumes), std::move(outcome->response));
    }
    if (outcome->status.ok() && HasLongAnswer(item->request)) {
      return OnBulkThread(
          [item, outcome] { Answer(*item, absl::OkStatus(), std::move(outcome->response)); });
    }
    Answer(*item, outcome->status, std::move(outcome->response));
    if (outcome->status.ok() && !outcome->arrivals.empty()) deps_.announce(outcome->arrivals);
  });
  return Progress::kDone;
}

void RequestScheduler::DescribeThen(const ItemPtr& item, std::vector<uint64_t> volumes,
                                    v1::DataResponse response) {
  deps_.chunks->Describe(std::move(volumes),
                         [item, response = std::move(response)](
                             absl::StatusOr<std::vector<VolumePlaces>> places) mutable {
                           if (places.ok()) FillVolumes(*places, response.mutable_facts());
                           Answer(*item, places.status(), std::move(response));
                         });
}

bool RequestScheduler::Tend() {
  trash_.Begin();
  // Do one step of each; then requests have their turn.
  const absl::StatusOr<bool> expired = deps_.catalog->mailboxes().ExpireOne();
  const absl::StatusOr<bool> parted = deps_.catalog->deferred_work().ExpirePart();
  const absl::StatusOr<bool> worked = deps_.catalog->deferred_work().Step();
  const bool hashed = hasher_.Step();
  const bool joined = joiner_.Step();
  LOG_IF_EVERY_N(ERROR, !expired.ok(), 100) << "old drafts stay: " << expired.status();
  LOG_IF_EVERY_N(ERROR, !parted.ok(), 100) << "old parts stay: " << parted.status();
  LOG_IF_EVERY_N(ERROR, !worked.ok(), 100)
      << "deferred work failed and is tried again: " << worked.status();
  return hashed || joined || expired.value_or(false) || parted.value_or(false) ||
         worked.value_or(false);
}

}  // namespace convergia::datamgr
