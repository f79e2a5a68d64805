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
  // The bound of the queue in bytes of messages, including the message being sent. An empty queue
  // takes one message of any size.
  size_t queue_bytes_max = 0;

  // Past the bound the message is refused (kBusy). kCancel also cancels the stream, because its
  // peer reads too slowly.
  enum class WhenFull { kRefuse, kCancel };
  WhenFull when_full = WhenFull::kRefuse;
};

// One end of a bidirectional stream of gRPC's callback API: reads `In`, writes `Out`. Derive from
// ServerStream or ClientStream (stream_reactor.h), which have Start().
//
// This class keeps the rules of that API: one read and one write in flight, one end, nothing after
// the end, no use of a call that is gone. One thread at a time takes the steps on the call (Pump),
// and never under the lock.
//
// Life: held by shared_ptr. It holds itself too, from Start() until OnClosed() has returned, so the
// owner may drop it. A holder may call it at any time, also after its end.
//
// Thread-safe. The reactions (On...) run on gRPC threads and must not block. OnMessage() runs one
// at a time, in the order of the messages. OnClosed() runs exactly once, after all others have
// returned.
template <typename In, typename Out>
class Stream : public std::enable_shared_from_this<Stream<In, Out>> {
 public:
  virtual ~Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Queues `message`. OK means only that it is in the queue.
  //
  // Errors: FailCode::kBusy past the bound (StreamOptions); kUnavailable when closing or closed.
  // After an error the message is not sent.
  absl::Status Send(Out message) ABSL_LOCKS_EXCLUDED(mu_);

  // Refuses further messages, sends the queue, and then ends the stream. The peer of a server gets
  // `reason` as the status of the call; the peer of a client only sees the end. A peer that does
  // not read can delay the end for ever; Cancel() helps. Messages may arrive until OnClosed().
  void Close(absl::Status reason = absl::OkStatus()) ABSL_LOCKS_EXCLUDED(mu_);

  // Drops the queue and ends the stream now. The peer gets kCancelled, OnClosed() gets `reason`.
  void Cancel(absl::Status reason = absl::CancelledError("cancelled here"))
      ABSL_LOCKS_EXCLUDED(mu_);

  // Ends the stream of a peer that no longer has a right to it: drops the queue and all messages
  // that still arrive. The peer of a server gets `reason` as the status after the write that is
  // under way. A peer that does not read can delay that for ever; Cancel() helps.
  void Expel(absl::Status reason) ABSL_LOCKS_EXCLUDED(mu_);

  // Stops reading after the message that is under way, so the flow control of HTTP/2 makes the peer
  // wait. A pause ends at ResumeReading() and when the stream closes. A client notices the end of
  // its stream only when it reads.
  void PauseReading() ABSL_LOCKS_EXCLUDED(mu_);
  void ResumeReading() ABSL_LOCKS_EXCLUDED(mu_);

  // Bytes queued or being sent.
  size_t queued_bytes() const ABSL_LOCKS_EXCLUDED(mu_);

  // Waits until OnClosed() has returned. Not from a reaction of this stream, nor before Start().
  void AwaitClosed() const { closed_.WaitForNotification(); }
  // The same, but returns false after `timeout`.
  bool AwaitClosedFor(absl::Duration timeout) const {
    return closed_.WaitForNotificationWithTimeout(timeout);
  }

 protected:
  explicit Stream(const StreamOptions& options) : options_(options) {}

  // Called once at a client, when the server has accepted the stream and sent its initial metadata.
  // Called before the first OnMessage(). Not called if the server refuses the stream.
  virtual void OnOpened() {}

  // Called with each message. It may be moved from.
  virtual void OnMessage(In& message) = 0;

  // Called at the end. `status` is the first error given to Close(), Cancel() or Expel(); without
  // one, it is the status with which the peer ended the stream.
  virtual void OnClosed(const absl::Status& status) = 0;

  // Called when at most half the queue is left, if a message was refused before.
  virtual void OnWritable() {}

  // Called when the last message of the queue has been written. An owner that packs all its data
  // into one message can now make the next. `spare` is the written message, cleared, so filling it
  // takes hardly any allocation. It may be moved from.
  virtual void OnDrained(Out& /*spare*/) {}

  // Packs `next` into `waiting`, the newest message in the queue that is not being sent yet, or
  // returns false and changes neither. Called under the stream's lock: touch only these two.
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

  // The reports of gRPC. The two derived reactors call them.
  void Started() ABSL_LOCKS_EXCLUDED(mu_);
  void Opened(bool accepted) ABSL_LOCKS_EXCLUDED(mu_);
  void ReadDone(bool ok) ABSL_LOCKS_EXCLUDED(mu_);
  void WriteDone(bool ok) ABSL_LOCKS_EXCLUDED(mu_);
  void PeerCancelled() ABSL_LOCKS_EXCLUDED(mu_);
  void Closed(absl::Status status_of_call) ABSL_LOCKS_EXCLUDED(mu_);

  // Takes every step that is due. If another thread is in Pump(), that thread takes them.
  void Pump() ABSL_LOCKS_EXCLUDED(mu_);
  Step NextStep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool MayEnd() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void DropQueue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Take(Step step, bool more_follow);

  const StreamOptions options_;
  absl::Notification closed_;

  // They belong to gRPC between DoRead() or DoWrite() and its report, and to Pump() otherwise.
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
  bool refused_ ABSL_GUARDED_BY(mu_) = false;    // A sender may wait for OnWritable().
  bool read_over_ ABSL_GUARDED_BY(mu_) = false;  // The peer sends nothing further.
  bool broken_ ABSL_GUARDED_BY(mu_) = false;     // Sending is no longer possible.
  bool closing_ ABSL_GUARDED_BY(mu_) = false;
  bool half_closed_ ABSL_GUARDED_BY(mu_) = false;  // A client has closed its direction.
  bool expelled_ ABSL_GUARDED_BY(mu_) = false;
  bool cancel_due_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;   // The last step was taken.
  absl::Status reason_ ABSL_GUARDED_BY(mu_);  // The first error of Close(), Cancel(), Expel().
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
    // A client reads only from here on, so OnOpened() comes before the first OnMessage().
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
      paused_ = false;  // Only a read brings the status of the call.
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
      if (pumping_) return;  // That thread asks for the next step after its own.
      step = NextStep();
      if (step == Step::kNone) return;
      pumping_ = true;
      more_follow = !queue_.empty();
    }
    // After kEnd the call, and with it this object, may be gone. So pumping_ stays set, and no
    // other thread takes a step.
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
  // A closing server needs nothing further from its peer. A client reads on to get the status.
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
