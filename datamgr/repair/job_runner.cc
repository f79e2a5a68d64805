#include "datamgr/repair/job_runner.h"

#include <glog/logging.h>
#include <xxhash.h>

#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"

namespace convergia::datamgr {
namespace {

constexpr absl::Duration kStepTimeout = absl::Seconds(30);
constexpr int kVerifiesAtOnce = 4;

v1::ChunkRequest VerifyRequest(VolumeId volume, ChunkId chunk) {
  v1::ChunkRequest request;
  request.mutable_verify()->mutable_key()->set_volume(volume);
  request.mutable_verify()->mutable_key()->set_chunk(chunk);
  return request;
}

v1::ChunkRequest ReadRequest(VolumeId volume, const VolumeCopy::Step& step) {
  v1::ChunkRequest request;
  request.mutable_read()->mutable_key()->set_volume(volume);
  request.mutable_read()->mutable_key()->set_chunk(step.chunk);
  request.mutable_read()->set_length(step.length);
  return request;
}

v1::ChunkRequest PutRequest(VolumeId volume, const VolumeCopy::Step& step, std::string bytes) {
  v1::ChunkRequest request;
  request.mutable_put()->mutable_key()->set_volume(volume);
  request.mutable_put()->mutable_key()->set_chunk(step.chunk);
  request.mutable_put()->set_bytes(std::move(bytes));
  request.mutable_put()->set_checksum(step.checksum);
  return request;
}

}  // namespace

struct JobRunner::Running {
  explicit Running(JobOrder job_order) : order(std::move(job_order)) {}
  const JobOrder order;

  absl::Mutex mu;
  std::unique_ptr<VolumeCopy> copy ABSL_GUARDED_BY(mu);
  std::deque<std::pair<NodeId, ChunkId>> to_verify ABSL_GUARDED_BY(mu);  // For a trim.
  int verifying ABSL_GUARDED_BY(mu) = 0;
  absl::Status trim_status ABSL_GUARDED_BY(mu);
  bool ceased ABSL_GUARDED_BY(mu) = false;
  bool ended ABSL_GUARDED_BY(mu) = false;
};

void JobRunner::Run(JobOrder order) {
  auto run = std::make_shared<Running>(std::move(order));
  const Job& job = run->order.job;
  {
    absl::MutexLock lock(&mu_);
    running_[job.volume] = run;
  }
  std::vector<NodeId> servers = run->order.sources;
  servers.push_back(job.target);
  deps_.scanner->ScanVolume(
      job.volume, servers, run->order.young,
      [this, run](absl::StatusOr<VolumeLists> lists) { OnScanned(run, std::move(lists)); });
}

void JobRunner::Cease(VolumeId volume) {
  RunningPtr run;
  {
    absl::MutexLock lock(&mu_);
    const auto it = running_.find(volume);
    if (it == running_.end()) return;
    run = it->second;
  }
  absl::MutexLock lock(&run->mu);
  run->ceased = true;  // The next step that ends, ends it.
}

void JobRunner::OnScanned(const RunningPtr& run, absl::StatusOr<VolumeLists> lists) {
  if (!lists.ok()) return End(run, lists.status());
  const Job& job = run->order.job;
  if (!lists->of.contains(job.target)) {
    return End(run, absl::UnavailableError("the target does not answer"));
  }
  if (!job.IsCopy()) return BeginTrim(run, *lists);
  {
    absl::MutexLock lock(&run->mu);
    run->copy = std::make_unique<VolumeCopy>(*lists, job.target, run->order.sources);
  }
  Pump(run);
}

void JobRunner::Pump(const RunningPtr& run) {
  while (true) {
    std::optional<VolumeCopy::Step> step;
    absl::Status status;
    {
      absl::MutexLock lock(&run->mu);
      if (run->ended) return;
      if (run->ceased) {
        status = absl::CancelledError("no longer needed");
      } else if (run->copy->IsDone()) {
        status = run->copy->status();
      } else {
        step = run->copy->Next(depth_);
        if (!step.has_value()) return;
      }
    }
    if (!step.has_value()) return End(run, status);
    Do(run, *step);
  }
}

void JobRunner::Do(const RunningPtr& run, const VolumeCopy::Step& step) {
  const VolumeId volume = run->order.job.volume;
  if (step.kind == VolumeCopy::Step::Kind::kVerify) {
    return deps_.hub->Ask(step.server, VerifyRequest(volume, step.chunk),
                          ServerHub::Priority::kRepair, kStepTimeout,
                          [this, run, step](const absl::StatusOr<v1::ChunkResponse>& response) {
                            {
                              absl::MutexLock lock(&run->mu);
                              run->copy->OnVerified(step.chunk, response.status());
                            }
                            Pump(run);
                          });
  }
  deps_.hub->Ask(step.server, ReadRequest(volume, step), ServerHub::Priority::kRepair, kStepTimeout,
                 [this, run, step](absl::StatusOr<v1::ChunkResponse> response) {
                   OnChunkRead(run, step, std::move(response));
                 });
}

void JobRunner::OnChunkRead(const RunningPtr& run, const VolumeCopy::Step& step,
                            absl::StatusOr<v1::ChunkResponse> response) {
  absl::Status status = response.status();
  if (status.ok()) {
    const std::string& bytes = response->read().bytes();
    if (bytes.size() != step.length || XXH3_64bits(bytes.data(), bytes.size()) != step.checksum) {
      status = absl::DataLossError("not the bytes that were asked for");
    }
  }
  const VolumeId volume = run->order.job.volume;
  if (absl::IsDataLoss(status)) deps_.report_bad(volume, step.chunk);
  std::optional<VolumeCopy::Step> put;
  {
    absl::MutexLock lock(&run->mu);
    put = run->copy->OnRead(step.chunk, status);
  }
  if (!put.has_value()) return Pump(run);
  auto request = PutRequest(volume, *put, std::move(*response->mutable_read()->mutable_bytes()));
  const uint32_t length = step.length;
  deps_.hub->Ask(
      put->server, std::move(request), ServerHub::Priority::kRepair, kStepTimeout,
      [this, run, chunk = step.chunk, length](const absl::StatusOr<v1::ChunkResponse>& answer) {
        if (answer.ok()) bytes_copied_ += length;
        {
          absl::MutexLock lock(&run->mu);
          run->copy->OnPut(chunk, answer.status());
        }
        Pump(run);
      });
}

void JobRunner::BeginTrim(const RunningPtr& run, const VolumeLists& lists) {
  const Job& job = run->order.job;
  if (job.kind == JobKind::kDropOrphan) {
    if (lists.live.empty()) return Drop(run);
    LOG(ERROR) << "volume " << job.volume << " is in no row, but the catalog needs "
               << lists.live.size() << " chunks of it; nothing is deleted";
    return End(run, absl::DataLossError("the catalog needs a volume that is unknown"));
  }
  const VolumeFindings findings = FindFaults(lists, run->order.replicas);
  for (const auto& piece : findings.to_heal) deps_.report_bad(job.volume, piece.chunk);
  if (!findings.to_heal.empty()) {
    return End(run, absl::FailedPreconditionError("a replica is not whole; it is healed first"));
  }
  {
    absl::MutexLock lock(&run->mu);
    for (const NodeId replica : run->order.replicas) {
      if (!lists.of.contains(replica)) {
        run->trim_status = absl::UnavailableError("a replica does not answer");
      }
      for (const auto& [chunk, length] : lists.live) run->to_verify.emplace_back(replica, chunk);
    }
    if (!run->trim_status.ok()) run->to_verify.clear();
  }
  PumpTrim(run);
}

void JobRunner::PumpTrim(const RunningPtr& run) {
  while (true) {
    std::pair<NodeId, ChunkId> next;
    absl::Status status;
    bool is_over = false;
    {
      absl::MutexLock lock(&run->mu);
      if (run->ended) return;
      if (run->ceased) run->trim_status = absl::CancelledError("not now");
      if (!run->trim_status.ok()) run->to_verify.clear();
      if (run->to_verify.empty() && run->verifying > 0) return;
      if (run->verifying >= kVerifiesAtOnce) return;
      is_over = run->to_verify.empty();
      status = run->trim_status;
      if (!is_over) {
        next = run->to_verify.front();
        run->to_verify.pop_front();
        ++run->verifying;
      } else {
        run->ended = true;  // Only one comes here.
      }
    }
    if (is_over) return status.ok() ? Drop(run) : End(run, status);
    const VolumeId volume = run->order.job.volume;
    deps_.hub->Ask(
        next.first, VerifyRequest(volume, next.second), ServerHub::Priority::kRepair, kStepTimeout,
        [this, run, volume, next](const absl::StatusOr<v1::ChunkResponse>& response) {
          // Deleted meanwhile, or damaged: in both cases not today.
          if (absl::IsDataLoss(response.status()) || absl::IsNotFound(response.status())) {
            deps_.report_bad(volume, next.second);
          }
          {
            absl::MutexLock lock(&run->mu);
            --run->verifying;
            if (!response.ok()) run->trim_status = response.status();
          }
          PumpTrim(run);
        });
  }
}

void JobRunner::Drop(const RunningPtr& run) {
  v1::ChunkRequest request;
  request.mutable_drop_volume()->set_volume(run->order.job.volume);
  deps_.hub->Ask(run->order.job.target, std::move(request), ServerHub::Priority::kRepair,
                 kStepTimeout, [this, run](const absl::StatusOr<v1::ChunkResponse>& response) {
                   End(run, response.status());
                 });
}

void JobRunner::End(const RunningPtr& run, const absl::Status& status) {
  JobEnd end;
  end.job = run->order.job;
  end.status = status;
  {
    absl::MutexLock lock(&run->mu);
    if (run->ended && end.job.IsCopy()) return;
    run->ended = true;
    if (run->copy != nullptr) {
      end.bytes_copied = run->copy->bytes_copied();
      end.bytes = run->copy->bytes_total();
      end.chunks = run->copy->chunks_total();
      end.lost = run->copy->lost();
    }
  }
  {
    absl::MutexLock lock(&mu_);
    running_.erase(end.job.volume);
  }
  deps_.on_end(std::move(end));
}

std::vector<JobProgress> JobRunner::Progress() const {
  std::vector<RunningPtr> runs;
  {
    absl::MutexLock lock(&mu_);
    for (const auto& [volume, run] : running_) runs.push_back(run);
  }
  std::vector<JobProgress> all;
  for (const RunningPtr& run : runs) {
    absl::MutexLock lock(&run->mu);
    JobProgress progress = {run->order.job, 0, run->order.job.bytes};
    if (run->copy != nullptr) {
      progress.bytes_done = run->copy->bytes_done();
      progress.bytes_total = run->copy->bytes_total();
    }
    all.push_back(progress);
  }
  return all;
}

}  // namespace convergia::datamgr
