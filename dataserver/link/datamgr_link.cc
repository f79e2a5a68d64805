#include "dataserver/link/datamgr_link.h"

#include <algorithm>
#include <utility>

#include "common/base/random.h"

namespace convergia::dataserver {
namespace {

constexpr size_t kSlackBytes = 1024 * 1024;
// Responses are packed into one message up to this size. Larger ones gain nothing from packing.
constexpr size_t kMergedBytesMax = 128 * 1024;

bool Merge(v1::FromDataServer& waiting, v1::FromDataServer& next) {
  if (waiting.has_hello() || next.has_report() || next.has_hello()) return false;
  if (waiting.ByteSizeLong() + next.ByteSizeLong() > kMergedBytesMax) return false;
  for (v1::ChunkResponse& response : *next.mutable_responses()) {
    *waiting.add_responses() = std::move(response);
  }
  return true;
}

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
      has_settings_(static_cast<size_t>(options.streams)) {
  const Stream::Deps deps = {
      .executor = &executor_, .clock = options_.clock, .epochs = &options_.store->datamgr_epochs()};
  for (int i = 0; i < options_.streams; ++i) {
    streams_.push_back(std::make_unique<Stream>(deps, StreamOptions(i), MakeHooks(i)));
    streams_.back()->SetAddresses({{.address = options_.address, .name = ""}});
  }
}

DatamgrLink::~DatamgrLink() { Stop(); }

void DatamgrLink::Start() {
  for (const auto& stream : streams_) stream->Start();
}

DatamgrLink::Stream::Options DatamgrLink::StreamOptions(int index) const {
  const bool is_first = index == 0;
  Stream::Options options;
  options.plan.backoff_first = options_.backoff_first;
  options.plan.backoff_max = options_.backoff_max;
  if (is_first) options.plan.first_beat = options.plan.beat = options_.report_period;
  options.plan.final_codes = {absl::StatusCode::kFailedPrecondition};
  options.plan.seed = RandomSeed();
  // datamgr counts a request until it has read the answer, so the window bounds this queue too.
  options.queue = {.queue_bytes_max = options_.handler->window_bytes() + kSlackBytes,
                   .when_full = rpc::StreamOptions::WhenFull::kCancel};
  options.self = std::string(RoleWord(Role::kDataserver));
  options.server = std::string(RoleWord(Role::kDatamgr));
  options.must_keep_epoch = true;
  options.logs_ends = is_first;
  return options;
}

DatamgrLink::Stream::Hooks DatamgrLink::MakeHooks(int index) {
  Stream::Hooks hooks;
  hooks.make_channel = [this](const rpc::ServerAddress&) { return options_.channel; };
  hooks.open = [](const auto& channel, grpc::ClientContext* context, auto* reactor) {
    v1::Chunks::NewStub(channel)->async()->Serve(context, reactor);
  };
  hooks.hello = [this, index] { return MakeHello(index); };
  hooks.epoch_of = [](const v1::ToDataServer& first) -> absl::StatusOr<Epoch> {
    return first.epoch();
  };
  hooks.on_up = [this, index](Stream::Line& line, v1::ToDataServer& greeting) {
    OnUp(index, line, greeting);
  };
  hooks.on_message = [this, index](Stream::Line& line, v1::ToDataServer& message) {
    OnMessage(index, line, message);
  };
  hooks.on_down = [this, index](const Stream::End&) { OnDown(index); };
  if (index == 0) hooks.on_beat = [this] { return SendReport(); };
  hooks.on_final = [this](const absl::Status& why) { OnFinal(why); };
  hooks.merge = Merge;
  return hooks;
}

v1::FromDataServer DatamgrLink::MakeHello(int index) const {
  v1::FromDataServer greeting;
  v1::DataServerHello* const hello = greeting.mutable_hello();
  hello->set_epoch(options_.epoch);
  hello->set_stream(index);
  hello->set_streams(options_.streams);
  hello->set_store_id(options_.store->store_id());
  hello->set_window_bytes(options_.handler->window_bytes());
  hello->set_version(options_.version);
  *hello->mutable_report() = MakeReport();
  return greeting;
}

absl::Status DatamgrLink::SendReport() {
  v1::FromDataServer message;
  *message.mutable_report() = MakeReport();
  streams_[0]->Send(std::move(message)).IgnoreError();  // The next hello has a report too.
  return absl::OkStatus();
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

void DatamgrLink::OnUp(int index, Stream::Line& line, v1::ToDataServer& greeting) {
  options_.handler->Raise(line.epoch());
  for (const auto& stream : streams_) stream->EndBelow(line.epoch());
  OnMessage(index, line, greeting);
}

void DatamgrLink::OnMessage(int index, Stream::Line& line, v1::ToDataServer& message) {
  if (message.has_settings()) OnSettings(index, message.settings());
  const ChunkRequestHandler::Respond respond =
      [weak = line.weak_from_this()](v1::ChunkResponse response) {
        const auto stream = weak.lock();
        if (stream == nullptr) return;
        v1::FromDataServer answer;
        *answer.add_responses() = std::move(response);
        // If the stream has ended, datamgr repeats the request on another.
        stream->Send(std::move(answer)).IgnoreError();
      };
  for (v1::ChunkRequest& request : *message.mutable_requests()) {
    options_.handler->Handle(line.epoch(), std::move(request), respond);
  }
}

void DatamgrLink::OnSettings(int index, const v1::DataServerSettings& settings) {
  {
    absl::MutexLock lock(&mu_);
    settings_ = settings;
    has_settings_[index] = true;
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
  }
  ApplyCapacity();
  streams_[0]->BeatNow();  // datamgr should get the new capacity at once.
}

uint64_t DatamgrLink::WantedCapacity() const {
  absl::MutexLock lock(&mu_);
  return configuration_.has_value() ? configuration_->capacity_bytes() : settings_.capacity_bytes();
}

void DatamgrLink::ApplyCapacity() {
  // Two threads may be here at once, for mgmt and for datamgr. The one that sets the capacity last
  // checks it again, so the store ends with the wanted value.
  while (true) {
    const uint64_t bytes = WantedCapacity();
    options_.store->SetCapacity(bytes);
    if (WantedCapacity() == bytes) return;
  }
}

void DatamgrLink::OnDown(int index) {
  absl::MutexLock lock(&mu_);
  has_settings_[index] = false;
}

void DatamgrLink::OnFinal(const absl::Status& why) {
  {
    absl::MutexLock lock(&mu_);
    if (std::exchange(replaced_, true)) return;
  }
  if (on_replaced_ != nullptr) on_replaced_(why);
}

void DatamgrLink::Drain(absl::Duration deadline) {
  const absl::Duration until = options_.clock->Elapsed() + deadline;
  options_.handler->Drain(deadline);
  // First begin the end of all streams, then wait for each.
  for (const auto& stream : streams_) stream->Retire(absl::ZeroDuration());
  for (const auto& stream : streams_) stream->Retire(until - options_.clock->Elapsed());
}

void DatamgrLink::Stop() {
  for (const auto& stream : streams_) stream->Stop();
}

int DatamgrLink::streams_up() const {
  absl::MutexLock lock(&mu_);
  return static_cast<int>(std::count(has_settings_.begin(), has_settings_.end(), true));
}

uint64_t DatamgrLink::streams_refused() const {
  uint64_t refused = 0;
  for (const auto& stream : streams_) refused += stream->refusals();
  return refused;
}

v1::DataServerSettings DatamgrLink::settings() const {
  absl::MutexLock lock(&mu_);
  return settings_;
}

}  // namespace convergia::dataserver
