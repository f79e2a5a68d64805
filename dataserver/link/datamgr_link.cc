#include "dataserver/link/datamgr_link.h"

#include <glog/logging.h>

#include <algorithm>
#include <utility>

#include "dataserver/link/datamgr_stream.h"

namespace convergia::dataserver {
namespace {

void FillScrub(const ScrubFacts& facts, v1::ScrubReport* report) {
  report->set_rounds(facts.rounds);
  report->set_bytes_verified(facts.bytes_verified);
  report->set_damaged_found(facts.damaged_found);
  report->set_round_began_ms(absl::ToUnixMillis(facts.round_began));
  report->set_volume(facts.next.volume);
  report->set_chunk(facts.next.chunk);
}

}  // namespace

DatamgrLink::DatamgrLink(const Options& options, OnReplaced on_replaced)
    : options_(options),
      on_replaced_(std::move(on_replaced)),
      stub_(v1::Chunks::NewStub(options.channel)),
      slots_(options.streams) {
  for (size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].backoff = std::make_unique<Backoff>(options.backoff_first, options.backoff_max,
                                                  options.epoch * 1000 + i);
  }
}

DatamgrLink::~DatamgrLink() { Stop(); }

void DatamgrLink::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void DatamgrLink::Loop() {
  while (true) {
    DialOnce();
    ReportOnce();
    absl::MutexLock lock(&mu_);
    mu_.AwaitWithTimeout(absl::Condition(this, &DatamgrLink::HasNews), NextWait());
    awake_ = false;
    if (stopping_) return;
  }
}

absl::Duration DatamgrLink::NextWait() const {
  const absl::Duration now = options_.clock->Elapsed();
  absl::Duration due = report_at_;
  for (const Slot& slot : slots_) {
    if (!slot.is_open && !draining_ && !replaced_) due = std::min(due, slot.dial_at);
  }
  return std::max(due - now, absl::ZeroDuration());
}

void DatamgrLink::DialOnce() {
  const absl::Duration now = options_.clock->Elapsed();
  for (int i = 0; i < options_.streams; ++i) {
    {
      absl::MutexLock lock(&mu_);
      if (stopping_ || draining_ || replaced_ || slots_[i].is_open || slots_[i].dial_at > now) {
        continue;
      }
    }
    Dial(i);
  }
}

void DatamgrLink::Dial(int index) {
  auto stream = std::make_shared<DatamgrStream>(this, options_.handler, index);
  {
    absl::MutexLock lock(&mu_);
    slots_[index].stream = stream;
    slots_[index].is_open = true;
    slots_[index].epoch = 0;
  }
  v1::FromDataServer greeting;
  v1::DataServerHello* const hello = greeting.mutable_hello();
  hello->set_epoch(options_.epoch);
  hello->set_stream(index);
  hello->set_streams(options_.streams);
  hello->set_store_id(options_.store->store_id());
  hello->set_window_bytes(options_.handler->window_bytes());
  hello->set_version(options_.version);
  *hello->mutable_report() = MakeReport();
  stream->Start([this](grpc::ClientContext* context, auto* reactor) {
    stub_->async()->Serve(context, reactor);
  });
  stream->Send(std::move(greeting)).IgnoreError();  // A stream that has ended says so itself.
}

void DatamgrLink::ReportOnce() {
  std::shared_ptr<DatamgrStream> stream;
  const absl::Duration now = options_.clock->Elapsed();
  {
    absl::MutexLock lock(&mu_);
    if (now < report_at_) return;
    report_at_ = now + options_.report_period;
    if (!slots_[0].is_up) return;
    stream = slots_[0].stream;
  }
  v1::FromDataServer message;
  *message.mutable_report() = MakeReport();
  stream->Send(std::move(message)).IgnoreError();
}

v1::DataServerReport DatamgrLink::MakeReport() const {
  v1::DataServerReport report;
  const absl::StatusOr<StoreFacts> facts = options_.store->Facts();
  if (!facts.ok()) {
    report.set_read_only(std::string(facts.status().message()));
    return report;
  }
  report.set_capacity_bytes(facts->capacity_bytes);
  report.set_used_bytes(facts->used_bytes);
  report.set_live_bytes(facts->live_bytes);
  report.set_free_bytes(facts->free_bytes);
  report.set_disk_total_bytes(facts->disk_total_bytes);
  report.set_chunks(facts->chunks);
  report.set_damaged_chunks(facts->bad_chunks);
  report.set_damage_found(facts->damage_found);
  report.set_read_only(facts->read_only.value_or(""));
  FillScrub(options_.store->scrub(), report.mutable_scrub());
  return report;
}

absl::Status DatamgrLink::OnDatamgr(int index, const DatamgrStream* stream, Epoch epoch) {
  if (absl::Status admitted = options_.store->datamgr_epochs().Admit(epoch); !admitted.ok()) {
    absl::MutexLock lock(&mu_);
    ++streams_refused_;
    return admitted;
  }
  options_.handler->Raise(epoch);
  std::vector<std::shared_ptr<DatamgrStream>> earlier;
  absl::Status overtaken;
  {
    absl::MutexLock lock(&mu_);
    if (slots_[index].stream.get() == stream) slots_[index].epoch = epoch;
    for (const Slot& slot : slots_) {
      if (slot.epoch > epoch)
        overtaken = absl::UnavailableError("a later start of datamgr is here");
      const bool has_greeted = slot.is_open && (slot.is_up || slot.epoch != 0);
      if (has_greeted && slot.epoch < epoch) earlier.push_back(slot.stream);
    }
  }
  for (const auto& other : earlier) {
    other->Cancel(absl::UnavailableError("a later start of datamgr is here"));
  }
  return overtaken;
}

void DatamgrLink::OnSettings(int index, const v1::DataServerSettings& settings) {
  {
    absl::MutexLock lock(&mu_);
    settings_ = settings;
    slots_[index].is_up = true;
    slots_[index].backoff->Reset();
    complaint_.clear();
  }
  ApplyCapacity();
  options_.store->SetScrubRate(settings.has_scrub_bytes_per_second()
                                   ? settings.scrub_bytes_per_second()
                                   : options_.scrub_bytes_per_second);
}

void DatamgrLink::Configure(const v1::NodeConfiguration& configuration) {
  {
    absl::MutexLock lock(&mu_);
    configuration_ = configuration;
    report_at_ = options_.clock->Elapsed();  // datamgr should see at once what it comes to.
    awake_ = true;
  }
  ApplyCapacity();
}

uint64_t DatamgrLink::WantedCapacity() const {
  absl::MutexLock lock(&mu_);
  return configuration_.has_value() ? configuration_->capacity_bytes() : settings_.capacity_bytes();
}

void DatamgrLink::ApplyCapacity() {
  // mgmt and datamgr may speak at the same time; who comes last makes it right.
  while (true) {
    const uint64_t bytes = WantedCapacity();
    options_.store->SetCapacity(bytes);
    if (WantedCapacity() == bytes) return;
  }
}

void DatamgrLink::OnLaneClosed(int index, const DatamgrStream* stream, const absl::Status& status,
                               std::optional<Epoch> said) {
  const Epoch highest = options_.store->datamgr_epochs().highest();
  bool replaced = false;
  {
    absl::MutexLock lock(&mu_);
    Slot& slot = slots_[index];
    if (slot.stream.get() != stream) return;
    slot.is_open = false;
    slot.is_up = false;
    slot.epoch = 0;
    slot.dial_at = options_.clock->Elapsed() + slot.backoff->Next();
    awake_ = true;
    const std::string complaint(status.message());
    if (!stopping_ && !draining_ && complaint != complaint_) {
      LOG(WARNING) << "no stream to datamgr: " << status;
      complaint_ = complaint;
    }
    const bool counts = said.has_value() && *said >= highest;
    if (absl::IsFailedPrecondition(status) && counts && !stopping_) {
      replaced = !std::exchange(replaced_, true);
    }
  }
  if (replaced && on_replaced_ != nullptr) on_replaced_(status);
}

void DatamgrLink::Drain(absl::Duration deadline) {
  const absl::Duration until = options_.clock->Elapsed() + deadline;
  std::vector<std::shared_ptr<DatamgrStream>> streams;
  {
    absl::MutexLock lock(&mu_);
    draining_ = true;
    for (const Slot& slot : slots_) {
      if (slot.is_open) streams.push_back(slot.stream);
    }
  }
  options_.handler->Drain(deadline);
  for (const auto& stream : streams) stream->Close();
  const auto all_closed = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return std::none_of(slots_.begin(), slots_.end(),
                        [](const Slot& slot) { return slot.is_open; });
  };
  absl::MutexLock lock(&mu_);
  mu_.AwaitWithTimeout(absl::Condition(&all_closed), until - options_.clock->Elapsed());
}

void DatamgrLink::Stop() {
  std::vector<std::shared_ptr<DatamgrStream>> streams;
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
  {
    absl::MutexLock lock(&mu_);
    for (Slot& slot : slots_) {
      if (slot.stream != nullptr) streams.push_back(slot.stream);
    }
  }
  for (const auto& stream : streams) stream->Cancel();
  for (const auto& stream : streams) stream->AwaitClosed();
}

int DatamgrLink::streams_up() const {
  absl::MutexLock lock(&mu_);
  return static_cast<int>(
      std::count_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.is_up; }));
}

uint64_t DatamgrLink::streams_refused() const {
  absl::MutexLock lock(&mu_);
  return streams_refused_;
}

v1::DataServerSettings DatamgrLink::settings() const {
  absl::MutexLock lock(&mu_);
  return settings_;
}

}  // namespace convergia::dataserver
