#pragma once

#include <grpcpp/channel.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/actor/actor.h"
#include "common/base/actor/executor.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/rpc/epochs/epoch_metadata.h"
#include "common/rpc/epochs/highest_epoch.h"
#include "common/rpc/streams/standing_plan.h"
#include "common/rpc/streams/stream_reactor.h"

namespace convergia::rpc {

// The part of a standing stream that does not depend on its messages. Thread-safe.
class StandingStreamBase {
 public:
  struct Deps {
    Executor* executor = nullptr;  // Outlives the stream, like the two below.
    const Clock* clock = nullptr;
    // The highest epoch of the server. Null if the server has no epochs.
    HighestEpoch* epochs = nullptr;
  };
  struct Options {
    StandingPlan::Options plan;
    StreamOptions queue;
    std::string self;    // For the log: "edge e1".
    std::string server;  // For the log and for errors: "mgmt".
    // If true, a greeting counts only after its epoch is on the disk. If false, a failed write is
    // only logged, and the caller repeats HighestEpoch::Save().
    bool must_keep_epoch = false;
    bool logs_ends = true;  // Logs ends that this side did not cause.
    // The hello is the only message of this side; it closes its direction after that.
    bool says_only_hello = false;
  };

  // The end of one stream.
  struct End {
    bool was_up = false;
    // False if this side ended it: SetWanted(), SetAddresses(), Prefer(), GiveUp(), Retire(),
    // Stop().
    bool was_wanted = false;
    absl::Status status;
    std::string redirect;  // The leader's address that the server sent, or empty.
  };

  StandingStreamBase(const StandingStreamBase&) = delete;
  StandingStreamBase& operator=(const StandingStreamBase&) = delete;

  // Begins to dial. Once.
  void Start() { actor_.Start(); }

  // The calls of the same names of StandingPlan. The steps follow on the executor.
  void SetAddresses(std::vector<ServerAddress> addresses) ABSL_LOCKS_EXCLUDED(mu_);
  void SetWanted(bool wanted) ABSL_LOCKS_EXCLUDED(mu_);
  void Prefer(const std::string& address) ABSL_LOCKS_EXCLUDED(mu_);
  void GiveUp(const absl::Status& why) ABSL_LOCKS_EXCLUDED(mu_);
  void BeatNow() ABSL_LOCKS_EXCLUDED(mu_);

  // Ends the stream in order and never dials again. Returns at its end, or after `patience`. Do not
  // call it from a hook or on the executor.
  void Retire(absl::Duration patience) ABSL_LOCKS_EXCLUDED(mu_);

  // Reads the clock again. For tests that move a FakeClock.
  void Wake() { actor_.Wake(); }

  // OK until an end is final or GiveUp() is called; then the reason.
  absl::Status final_status() const ABSL_LOCKS_EXCLUDED(mu_);
  // The number of dials, and of greetings that did not count, since the start.
  uint64_t dials() const ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t refusals() const ABSL_LOCKS_EXCLUDED(mu_);

 protected:
  StandingStreamBase(const Deps& deps, Options options);
  virtual ~StandingStreamBase() = default;

  // The steps of StandingPlan. Called on the executor.
  virtual void Dial(const ServerAddress& address) = 0;
  virtual void CloseLine() = 0;
  virtual void CancelLine(const absl::Status& why) = 0;
  virtual absl::Status Beat() = 0;
  virtual void OnFinal(const absl::Status& why) = 0;

  // Waits for a step that is under way; no step is taken after that. Idempotent.
  void StopSteps() ABSL_LOCKS_EXCLUDED(mu_);

  // The one place of the epoch rule: OK if a server that greets with `epoch` counts. May write to
  // the disk.
  //
  // Errors: kUnavailable if a later start is known; with must_keep_epoch those of the disk.
  absl::Status Admit(Epoch epoch);
  // Reports the greeting to the plan. Errors: kUnavailable if a later start greeted after Admit().
  absl::Status OnAdmitted(Epoch epoch) ABSL_LOCKS_EXCLUDED(mu_);
  void OnRefused() ABSL_LOCKS_EXCLUDED(mu_);
  // Raises the highest epoch to the one that came with an end: earlier starts no longer count.
  void Hear(std::optional<Epoch> said);
  bool IsWanted() const ABSL_LOCKS_EXCLUDED(mu_);
  void OnEnded(const End& end, std::optional<Epoch> said) ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<ServerAddress> addresses() const ABSL_LOCKS_EXCLUDED(mu_);

  const Deps deps_;
  const Options options_;

 private:
  absl::Duration Turn(absl::Duration now) ABSL_LOCKS_EXCLUDED(mu_);
  bool IsDown() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return plan_.is_down(); }
  Epoch highest() const { return deps_.epochs == nullptr ? 0 : deps_.epochs->highest(); }
  void LogNotKept(const absl::Status& why) const;
  std::string Complaint(const absl::Status& why, std::optional<Epoch> said) const;

  mutable absl::Mutex mu_;
  StandingPlan plan_ ABSL_GUARDED_BY(mu_);
  uint64_t dials_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t refusals_ ABSL_GUARDED_BY(mu_) = 0;
  // Texts that were logged since the last greeting, to log each once. Mostly one for each address.
  absl::flat_hash_set<std::string> complaints_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;

  Actor actor_;
};

// A bidirectional stream to a server. It is dialled again each time it ends, until an end is final.
// StandingPlan chooses the address and the time of each dial. HighestEpoch makes sure that only the
// latest start of the server counts. Each stream of the series is a Line.
//
//   StandingStream<v1::ToNode, v1::FromNode> stream(
//       {.executor = ..., .clock = ...}, {.server = "mgmt"},
//       {.make_channel = ..., .open = ..., .on_up = ..., .on_message = ...});
//   stream.SetAddresses({{.address = "10.0.0.1:64480"}});
//   stream.Start();
//
// Life: constructor -> Start() -> Stop(). Thread-safe.
template <typename In, typename Out>
class StandingStream final : public StandingStreamBase {
 public:
  class Line;

  // on_up, on_message and on_down run on gRPC threads, one at a time, and must not block. The next
  // stream is dialled after on_down has returned. The others run on the executor, except epoch_of
  // (as on_up) and merge (under the stream's lock). make_channel, open, on_up and on_message must
  // be set; the others may be null.
  struct Hooks {
    // Makes a channel. Called once for each address, as long as the address stays in the list.
    std::function<std::shared_ptr<grpc::Channel>(const ServerAddress& address)> make_channel;
    // Calls the streaming method of the service.
    std::function<void(const std::shared_ptr<grpc::Channel>& channel, grpc::ClientContext* context,
                       grpc::ClientBidiReactor<Out, In>* reactor)>
        open;
    // Makes the first message of this side. Null: this side sends none at first.
    std::function<Out()> hello;
    // The epoch in the server's first message, which is its greeting. An error refuses the server.
    // Null: the initial metadata are the greeting, of epoch 0, and on_up gets an empty message.
    std::function<absl::StatusOr<Epoch>(const In& first)> epoch_of;
    // Called with a greeting that counts.
    std::function<void(Line& line, In& greeting)> on_up;
    // Called with each message after the greeting.
    std::function<void(Line& line, In& message)> on_message;
    // Called at each end, also of a stream that was never up.
    std::function<void(const End& end)> on_down;
    // Called when a beat is due. An error cancels the stream, and it is dialled again.
    std::function<absl::Status()> on_beat;
    // Called at most once, last: after a final end, or after the end that follows GiveUp().
    std::function<void(const absl::Status& why)> on_final;
    // See Stream::Merge().
    std::function<bool(Out& waiting, Out& next)> merge;
  };

  StandingStream(const Deps& deps, Options options, Hooks hooks)
      : StandingStreamBase(deps, std::move(options)), hooks_(std::move(hooks)) {}
  ~StandingStream() override { Stop(); }

  // True from a greeting that counts to the end of its stream. It turns true just before on_up. For
  // a moment it may be true for a greeting that is then refused.
  bool is_up() const ABSL_LOCKS_EXCLUDED(line_mu_) { return up_line() != nullptr; }

  // Queues `message` on the stream that is up. It is lost if that stream ends first.
  //
  // Errors: kUnavailable if no stream is up; those of Stream::Send().
  absl::Status Send(Out message) ABSL_LOCKS_EXCLUDED(line_mu_);

  // Ends the stream if its server greeted with an epoch below `epoch`. It is dialled again.
  void EndBelow(Epoch epoch) ABSL_LOCKS_EXCLUDED(line_mu_);

  // Ends the stream now, and never dials again. No hook is called after it returns. Idempotent. Do
  // not call it from a hook or on the executor.
  void Stop() ABSL_LOCKS_EXCLUDED(line_mu_);

 private:
  // StandingStreamBase:
  void Dial(const ServerAddress& address) override ABSL_LOCKS_EXCLUDED(line_mu_);
  void CloseLine() override { line()->Close(); }
  void CancelLine(const absl::Status& why) override { line()->Cancel(why); }
  absl::Status Beat() override {
    return hooks_.on_beat == nullptr ? absl::OkStatus() : hooks_.on_beat();
  }
  void OnFinal(const absl::Status& why) override {
    if (hooks_.on_final != nullptr) hooks_.on_final(why);
  }

  std::shared_ptr<Line> line() const ABSL_LOCKS_EXCLUDED(line_mu_) {
    absl::MutexLock lock(&line_mu_);
    return line_;
  }
  std::shared_ptr<Line> up_line() const ABSL_LOCKS_EXCLUDED(line_mu_) {
    absl::MutexLock lock(&line_mu_);
    return up_line_;
  }
  void SetUpLine(std::shared_ptr<Line> line) ABSL_LOCKS_EXCLUDED(line_mu_) {
    absl::MutexLock lock(&line_mu_);
    up_line_.swap(line);
  }
  std::shared_ptr<grpc::Channel> ChannelTo(const ServerAddress& address);

  // From the line.
  void OnFirst(Line& line, In& message);
  void OnLineClosed(Line& line, const absl::Status& status);

  const Hooks hooks_;

  // Only on the executor. The channels of addresses that were dialled and are still in the list.
  std::vector<std::pair<ServerAddress, std::shared_ptr<grpc::Channel>>> channels_;

  mutable absl::Mutex line_mu_;
  std::shared_ptr<Line> line_ ABSL_GUARDED_BY(line_mu_);     // The newest, even after its end.
  std::shared_ptr<Line> up_line_ ABSL_GUARDED_BY(line_mu_);  // The same while it is up.
};

// One stream of the series. Once it has ended, it may outlive the standing stream.
template <typename In, typename Out>
class StandingStream<In, Out>::Line final : public ClientStream<In, Out> {
 public:
  Line(StandingStream* owner, std::shared_ptr<grpc::Channel> channel, const StreamOptions& queue)
      : ClientStream<In, Out>(queue), owner_(*owner), channel_(std::move(channel)) {}

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  // The epoch in the greeting. Only for hooks.
  Epoch epoch() const { return epoch_; }

 private:
  friend class StandingStream;
  enum class State { kNew, kUp, kRefused };

  void OnOpened() override {
    if (owner_.hooks_.epoch_of != nullptr) return;
    In nothing;
    owner_.OnFirst(*this, nothing);
  }
  void OnMessage(In& message) override {
    if (state_ == State::kNew) return owner_.OnFirst(*this, message);
    if (state_ == State::kUp) owner_.hooks_.on_message(*this, message);
  }
  void OnClosed(const absl::Status& status) override { owner_.OnLineClosed(*this, status); }
  bool Merge(Out& waiting, Out& next) override {
    return owner_.hooks_.merge != nullptr && owner_.hooks_.merge(waiting, next);
  }

  StandingStream& owner_;  // Until OnClosed() has returned.
  const std::shared_ptr<grpc::Channel> channel_;
  State state_ = State::kNew;  // Only in reactions, which run one at a time.
  Epoch epoch_ = 0;            // Constant once the line is up.
};

// ---- implementation

template <typename In, typename Out>
absl::Status StandingStream<In, Out>::Send(Out message) {
  const std::shared_ptr<Line> up = up_line();
  if (up != nullptr) return up->Send(std::move(message));
  return absl::UnavailableError(absl::StrCat("not connected to ", options_.server));
}

template <typename In, typename Out>
void StandingStream<In, Out>::EndBelow(Epoch epoch) {
  const std::shared_ptr<Line> up = up_line();
  if (up == nullptr || up->epoch_ >= epoch) return;
  up->Cancel(
      absl::UnavailableError(absl::StrCat("a later start of ", options_.server, " is here")));
}

template <typename In, typename Out>
void StandingStream<In, Out>::Stop() {
  StopSteps();
  const std::shared_ptr<Line> last = line();
  if (last == nullptr) return;
  last->Cancel();
  last->AwaitClosed();
}

template <typename In, typename Out>
std::shared_ptr<grpc::Channel> StandingStream<In, Out>::ChannelTo(const ServerAddress& address) {
  const std::vector<ServerAddress> listed = addresses();
  std::erase_if(channels_, [&listed](const auto& kept) {
    return std::find(listed.begin(), listed.end(), kept.first) == listed.end();
  });
  for (const auto& [known, channel] : channels_) {
    if (known == address) return channel;
  }
  return channels_.emplace_back(address, hooks_.make_channel(address)).second;
}

template <typename In, typename Out>
void StandingStream<In, Out>::Dial(const ServerAddress& address) {
  if (const std::shared_ptr<Line> last = line(); last != nullptr) last->AwaitClosed();
  const std::shared_ptr<grpc::Channel> channel = ChannelTo(address);
  auto fresh = std::make_shared<Line>(this, channel, options_.queue);
  {
    absl::MutexLock lock(&line_mu_);
    line_ = fresh;
  }
  fresh->Start([this, &channel](grpc::ClientContext* context, auto* reactor) {
    hooks_.open(channel, context, reactor);
  });
  // A stream that has already ended refuses the hello; on_down reports its end.
  if (hooks_.hello != nullptr) fresh->Send(hooks_.hello()).IgnoreError();
  if (options_.says_only_hello) fresh->Close();
}

template <typename In, typename Out>
void StandingStream<In, Out>::OnFirst(Line& line, In& message) {
  absl::StatusOr<Epoch> epoch = 0;
  if (hooks_.epoch_of != nullptr) epoch = hooks_.epoch_of(message);
  absl::Status admitted = epoch.ok() ? Admit(*epoch) : epoch.status();
  if (admitted.ok()) {
    line.epoch_ = *epoch;
    // Two starts of the server may greet at once, on two standing streams. The line is first made
    // visible to EndBelow(), and then OnAdmitted() compares epochs. So the earlier start ends in
    // any order of these steps.
    SetUpLine(std::static_pointer_cast<Line>(line.shared_from_this()));
    admitted = OnAdmitted(*epoch);
  }
  if (!admitted.ok()) {
    line.state_ = Line::State::kRefused;
    SetUpLine(nullptr);
    OnRefused();
    line.Cancel(admitted);
    return;
  }
  line.state_ = Line::State::kUp;
  hooks_.on_up(line, message);
}

template <typename In, typename Out>
void StandingStream<In, Out>::OnLineClosed(Line& line, const absl::Status& status) {
  const std::optional<Epoch> said = SaidEpoch(line.context());
  SetUpLine(nullptr);
  Hear(said);
  const End end = {line.state_ == Line::State::kUp, IsWanted(), status, SaidLeader(line.context())};
  if (hooks_.on_down != nullptr) hooks_.on_down(end);
  OnEnded(end, said);
}

}  // namespace convergia::rpc
