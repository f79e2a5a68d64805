#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "common/base/fail.h"

namespace convergia::rpc {

struct StreamOptions {
  // Bound of what waits to be sent, in bytes of messages, with the one being sent. A single message
  // is taken whatever its size when nothing waits.
  size_t queue_bytes_max = 0;

  // Past the bound: refuse the message (kBusy), or give up a peer that reads too slowly.
  enum class WhenFull { kRefuse, kCancel };
  WhenFull when_full = WhenFull::kRefuse;
};

// One end of a bidirectional stream of gRPC's callback API: reads `In`, writes `Out`. Derive from
// ServerStream or ClientStream (stream_reactor.h), which say how it is started.
//
// Here, once, are the rules of that API: one read and one write in flight, one end, nothing after
// the end, no use of a call that is gone. To get there every step on the call is taken by one
// thread at a time (Pump), and never under the lock.
//
// Life: held by shared_ptr, and by itself from Start() until OnClosed() has returned; so it may be
// forgotten, and whoever keeps it may call it at any time, also after its end.
//
// Thread-safe. OnMessage() and OnWritable() are called on gRPC threads and must not block;
// OnMessage() one at a time, in order; OnClosed() exactly once, after all others have returned.
template <typename In, typename Out>
class Stream : public std::enable_shared_from_this<Stream<In, Out>> {
 public:
  virtual ~Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Queues `message`. OK says no more than that.
  //
  // Errors: FailCode::kBusy when full (StreamOptions), kUnavailable when closing or closed. The
  // message was then not taken.
  absl::Status Send(Out message) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends the stream once all that waits is sent; takes no more. A server's peer gets `reason` as
  // the status of the call; a client's only sees the end. A peer that does not read can delay this
  // for ever: then Cancel(). Messages may still arrive until OnClosed().
  void Close(absl::Status reason = absl::OkStatus()) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends the stream now; what waits is dropped. The peer gets kCancelled, OnClosed() gets `reason`.
  void Cancel(absl::Status reason = absl::CancelledError("cancelled here"))
      ABSL_LOCKS_EXCLUDED(mu_);

  // Ends the stream of a peer that has no right to it any more: what waits is dropped, and what
  // still comes is not looked at. A server's peer gets `reason` as the status, once a write that is
  // under way is done; one that does not read can delay that for ever: then Cancel().
  void Expel(absl::Status reason) ABSL_LOCKS_EXCLUDED(mu_);

  // While paused no further message is read, so that the peer feels it and waits. Ends at Close().
  // A client notices the end of a stream only when it reads.
  void PauseReading() ABSL_LOCKS_EXCLUDED(mu_);
  void ResumeReading() ABSL_LOCKS_EXCLUDED(mu_);

  // Bytes queued or being sent.
  size_t queued_bytes() const ABSL_LOCKS_EXCLUDED(mu_);

  // Returns when OnClosed() has. Not from a reaction of this stream, nor before Start().
  void AwaitClosed() const { closed_.WaitForNotification(); }
  // The same, but false if that takes longer than `timeout`.
  bool AwaitClosedFor(absl::Duration timeout) const {
    return closed_.WaitForNotificationWithTimeout(timeout);
  }

 protected:
  explicit Stream(const StreamOptions& options) : options_(options) {}

  // At a client, once: the server has accepted the stream and sent its initial metadata. A stream
  // that is refused goes without. Called before the first OnMessage(), and must not block.
  virtual void OnOpened() {}

  // `message` may be moved from.
  virtual void OnMessage(In& message) = 0;

  // `status`: the reason given to Close() or Cancel(), if any; else how the peer ended it.
  virtual void OnClosed(const absl::Status& status) = 0;

  // Called when at most half the queue is left, if a message was refused before.
  virtual void OnWritable() {}

  // Called when the last message that waited has been written: time to gather the next one, for
  // those who pack all that waits into one message. `spare` is the one just written, cleared: to
  // fill it again takes hardly any allocation. May be moved from.
  virtual void OnDrained(Out& /*spare*/) {}

  // Packs `next` into `waiting`, the newest message in the queue that is not being sent yet, or
  // returns false to leave both untouched. Called under the stream's lock: only look at these two.
  virtual bool Merge(Out& /*waiting*/, Out& /*next*/) { return false; }

 private:
  template <typename, typename>
  friend class ServerStream;
  template <typename, typename>
  friend class ClientStream;

  enum class Side { kServer, kClient };
  enum class Step { kNone, kCancel, kWrite, kHalfClose, kEnd, kRead };
  struct Waiting {
    Out message;
    size_t bytes = 0;
  };

  // The steps on the call. Only Pump() takes them.
  virtual Side side() const = 0;
  virtual void DoRead(In* message) = 0;
  virtual void DoWrite(const Out& message, bool more_follow) = 0;
  virtual void DoHalfClose() = 0;
  virtual void DoEnd(const absl::Status& reason) = 0;
  virtual void DoCancel() = 0;

  // What gRPC reports; called by the two derived reactors.
  void Started() ABSL_LOCKS_EXCLUDED(mu_);
  void Opened(bool accepted) ABSL_LOCKS_EXCLUDED(mu_);
  void ReadDone(bool ok) ABSL_LOCKS_EXCLUDED(mu_);
  void WriteDone(bool ok) ABSL_LOCKS_EXCLUDED(mu_);
  void PeerCancelled() ABSL_LOCKS_EXCLUDED(mu_);
  void Closed(absl::Status status_of_call) ABSL_LOCKS_EXCLUDED(mu_);

  // Takes every step that is due. If another thread is at it, that one takes them.
  void Pump() ABSL_LOCKS_EXCLUDED(mu_);
  Step NextStep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool MayEnd() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void DropQueue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Take(Step step, bool more_follow);

  const StreamOptions options_;
  absl::Notification closed_;

  // Belong to gRPC between DoRead/DoWrite and the report that it is done; to Pump() else.
  In incoming_;
  Out outgoing_;

  mutable absl::Mutex mu_;
  std::deque<Waiting> queue_ ABSL_GUARDED_BY(mu_);
  size_t queued_bytes_ ABSL_GUARDED_BY(mu_) = 0;  // Of queue_ and outgoing_.
  size_t outgoing_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool started_ ABSL_GUARDED_BY(mu_) = false;
  bool opened_ ABSL_GUARDED_BY(mu_) = false;  // A client knows whether the server has accepted.
  bool pumping_ ABSL_GUARDED_BY(mu_) = false;
  bool reading_ ABSL_GUARDED_BY(mu_) = false;  // A read is in flight.
  bool writing_ ABSL_GUARDED_BY(mu_) = false;  // A write is in flight.
  bool paused_ ABSL_GUARDED_BY(mu_) = false;
  bool refused_ ABSL_GUARDED_BY(mu_) = false;    // Somebody waits for OnWritable().
  bool read_over_ ABSL_GUARDED_BY(mu_) = false;  // The peer will send no more.
  bool broken_ ABSL_GUARDED_BY(mu_) = false;     // Nothing can be sent any more.
  bool closing_ ABSL_GUARDED_BY(mu_) = false;
  bool half_closed_ ABSL_GUARDED_BY(mu_) = false;  // A client has said that it sends no more.
  bool expelled_ ABSL_GUARDED_BY(mu_) = false;
  bool cancel_due_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;   // The last step was taken.
  absl::Status reason_ ABSL_GUARDED_BY(mu_);  // The first one given to Close() or Cancel().
};

// ---- implementation

template <typename In, typename Out>
absl::Status Stream<In, Out>::Send(Out message) {
  const size_t bytes = message.ByteSizeLong();
  bool slow = false;
  {
    absl::MutexLock lock(&mu_);
    if (closing_ || broken_ || ended_) return absl::UnavailableError("the stream has ended");
    if (queued_bytes_ > 0 && queued_bytes_ + bytes > options_.queue_bytes_max) {
      refused_ = true;
      slow = options_.when_full == StreamOptions::WhenFull::kCancel;
      if (!slow) return Fail(FailCode::kBusy, "too much is waiting to be sent; try again later");
    } else {
      queued_bytes_ += bytes;
      if (!queue_.empty() && Merge(queue_.back().message, message)) {
        queue_.back().bytes += bytes;
      } else {
        queue_.push_back(Waiting{std::move(message), bytes});
      }
    }
  }
  if (slow) {
    const absl::Status reason = Fail(FailCode::kBusy, "the peer reads too slowly and was given up");
    Cancel(reason);
    return reason;
  }
  Pump();
  return absl::OkStatus();
}

template <typename In, typename Out>
void Stream<In, Out>::Close(absl::Status reason) {
  {
    absl::MutexLock lock(&mu_);
    if (closing_ || ended_) return;
    closing_ = true;
    paused_ = false;
    if (reason_.ok()) reason_ = std::move(reason);
  }
  Pump();
}

template <typename In, typename Out>
void Stream<In, Out>::Cancel(absl::Status reason) {
  {
    absl::MutexLock lock(&mu_);
    if (ended_ || cancel_due_) return;
    if (reason_.ok()) reason_ = std::move(reason);
    closing_ = true;
    paused_ = false;
    cancel_due_ = true;
    DropQueue();
  }
  Pump();
}

template <typename In, typename Out>
void Stream<In, Out>::Expel(absl::Status reason) {
  {
    absl::MutexLock lock(&mu_);
    if (ended_ || cancel_due_) return;
    if (reason_.ok()) reason_ = std::move(reason);
    expelled_ = true;
    closing_ = true;
    paused_ = false;
    DropQueue();
  }
  Pump();
}

template <typename In, typename Out>
void Stream<In, Out>::PauseReading() {
  absl::MutexLock lock(&mu_);
  if (!closing_) paused_ = true;
}

template <typename In, typename Out>
void Stream<In, Out>::ResumeReading() {
  {
    absl::MutexLock lock(&mu_);
    paused_ = false;
  }
  Pump();
}

template <typename In, typename Out>
size_t Stream<In, Out>::queued_bytes() const {
  absl::MutexLock lock(&mu_);
  return queued_bytes_;
}

template <typename In, typename Out>
void Stream<In, Out>::Started() {
  {
    absl::MutexLock lock(&mu_);
    started_ = true;
  }
  Pump();
}

template <typename In, typename Out>
void Stream<In, Out>::Opened(bool accepted) {
  if (accepted) OnOpened();
  {
    absl::MutexLock lock(&mu_);
    opened_ = true;
  }
  Pump();
}

template <typename In, typename Out>
void Stream<In, Out>::ReadDone(bool ok) {
  bool expelled = false;
  {
    absl::MutexLock lock(&mu_);
    expelled = expelled_;
  }
  if (ok) {
    if (!expelled) OnMessage(incoming_);
    incoming_.Clear();
  }
  {
    absl::MutexLock lock(&mu_);
    reading_ = false;
    if (!ok) read_over_ = true;
  }
  Pump();
}

template <typename In, typename Out>
void Stream<In, Out>::WriteDone(bool ok) {
  Out spare = std::move(outgoing_);
  spare.Clear();
  bool writable = false;
  bool drained = false;
  {
    absl::MutexLock lock(&mu_);
    writing_ = false;
    queued_bytes_ -= std::exchange(outgoing_bytes_, 0);
    drained = ok && queue_.empty() && !closing_;
    if (!ok) {
      broken_ = true;
      paused_ = false;  // Reading shows the reason.
      DropQueue();
    } else if (refused_ && queued_bytes_ <= options_.queue_bytes_max / 2 && !closing_) {
      refused_ = false;
      writable = true;
    }
  }
  Pump();
  if (writable) OnWritable();
  if (drained) OnDrained(spare);
}

template <typename In, typename Out>
void Stream<In, Out>::PeerCancelled() {
  {
    absl::MutexLock lock(&mu_);
    if (reason_.ok()) reason_ = absl::CancelledError("the peer or the connection is gone");
    broken_ = true;
    DropQueue();
  }
  Pump();
}

template <typename In, typename Out>
void Stream<In, Out>::Closed(absl::Status status_of_call) {
  {
    absl::MutexLock lock(&mu_);
    ended_ = true;
    broken_ = true;
    DropQueue();
    if (!reason_.ok()) status_of_call = reason_;
  }
  OnClosed(status_of_call);
  closed_.Notify();
}

template <typename In, typename Out>
void Stream<In, Out>::Pump() {
  while (true) {
    Step step;
    bool more_follow;
    {
      absl::MutexLock lock(&mu_);
      if (pumping_) return;  // That thread looks again when it has taken its step.
      step = NextStep();
      if (step == Step::kNone) return;
      pumping_ = true;
      more_follow = !queue_.empty();
    }
    // The end leaves pumping_ set: after it the call, and with it this object, may be gone.
    Take(step, more_follow);
    if (step == Step::kEnd) return;
    absl::MutexLock lock(&mu_);
    pumping_ = false;
  }
}

template <typename In, typename Out>
typename Stream<In, Out>::Step Stream<In, Out>::NextStep() {
  if (!started_ || ended_) return Step::kNone;
  if (cancel_due_ && !broken_) {
    broken_ = true;
    return Step::kCancel;
  }
  if (!writing_ && !broken_ && !queue_.empty()) {
    outgoing_ = std::move(queue_.front().message);
    outgoing_bytes_ = queue_.front().bytes;
    queue_.pop_front();
    writing_ = true;
    return Step::kWrite;
  }
  if (MayEnd()) {
    ended_ = true;
    return Step::kEnd;
  }
  if (side() == Side::kClient && closing_ && !half_closed_ && !writing_ && !broken_ &&
      !read_over_) {
    half_closed_ = true;
    return Step::kHalfClose;
  }
  // A closing server has nothing to learn from its peer; a client waits for the status.
  const bool reads = side() == Side::kClient ? opened_ : !closing_;
  if (reads && !reading_ && !read_over_ && !paused_) {
    reading_ = true;
    return Step::kRead;
  }
  return Step::kNone;
}

template <typename In, typename Out>
bool Stream<In, Out>::MayEnd() const {
  if (writing_ || (!queue_.empty() && !broken_)) return false;
  if (side() == Side::kClient) return read_over_ && !reading_;
  return closing_ || read_over_ || broken_;
}

template <typename In, typename Out>
void Stream<In, Out>::DropQueue() {
  queue_.clear();
  queued_bytes_ = outgoing_bytes_;
}

template <typename In, typename Out>
void Stream<In, Out>::Take(Step step, bool more_follow) {
  switch (step) {
    case Step::kNone:
      return;
    case Step::kCancel:
      return DoCancel();
    case Step::kWrite:
      return DoWrite(outgoing_, more_follow);
    case Step::kHalfClose:
      return DoHalfClose();
    case Step::kEnd: {
      absl::Status reason;
      {
        absl::MutexLock lock(&mu_);
        reason = reason_;
      }
      return DoEnd(reason);
    }
    case Step::kRead:
      return DoRead(&incoming_);
  }
}

}  // namespace convergia::rpc
