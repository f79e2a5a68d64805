#pragma once

#include <grpcpp/channel.h>

#include <atomic>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "common/base/limits.h"
#include "common/rpc/streams/stream_reactor.h"
#include "convergia/v1/relay.grpc.pb.h"
#include "edge/relay/link_table.h"

namespace convergia::edge {

// One stream to another edge; either side may have dialled. Thread-safe.
class LinkStream {
 public:
  // Streams call these functions on gRPC's threads. Constant, and outlives every stream's end.
  struct Events {
    // `frame` is read into again: what is left in it saves memory.
    std::function<void(const std::shared_ptr<LinkStream>& stream, v1::Frame* frame)> frame;
    // The last frame was written. `spare` may be moved from.
    std::function<void(LinkId link, v1::Frame* spare)> drained;
    std::function<void(const LinkStream& stream, const absl::Status& status)> closed;
  };

  LinkStream(LinkId id, NodeId peer, Dialled dialled) : id_(id), peer_(peer), dialled_(dialled) {}
  virtual ~LinkStream() = default;

  LinkId id() const { return id_; }
  NodeId peer() const { return peer_; }  // By its certificate.
  Dialled dialled() const { return dialled_; }

  virtual void SendFrame(v1::Frame frame) = 0;
  virtual void CancelStream(const absl::Status& reason) = 0;
  virtual void AwaitEnd() const = 0;

  // The peer's hello has arrived. Use it only in OnFrame().
  bool greeted = false;

  // Counts bytes of frames that have arrived and are not processed yet. Past a bound reading
  // pauses, so that gRPC's flow control slows the other side.
  void AddUnworked(size_t bytes) {
    if ((unworked_bytes_ += bytes) > limits::kLinkUnworkedBytesMax) Pause();
  }
  void RemoveUnworked(size_t bytes) {
    if ((unworked_bytes_ -= bytes) <= limits::kLinkUnworkedBytesMax) Resume();
  }

 private:
  virtual void Pause() = 0;
  virtual void Resume() = 0;

  const LinkId id_;
  const NodeId peer_;
  const Dialled dialled_;
  std::atomic<size_t> unworked_bytes_ = 0;
};

// The part that is the same for a server's and a client's end of the stream.
template <typename Base>
class LinkStreamOver : public Base, public LinkStream {
 public:
  template <typename... Args>
  LinkStreamOver(const Events* events, LinkId id, NodeId peer, Dialled dialled, Args&&... args)
      : Base(std::forward<Args>(args)...), LinkStream(id, peer, dialled), events_(events) {}

  // A frame that cannot be sent is lost with the stream; the relay channels send its content again.
  void SendFrame(v1::Frame frame) override { (void)this->Send(std::move(frame)); }
  void CancelStream(const absl::Status& reason) override { this->Cancel(reason); }
  void AwaitEnd() const override { this->AwaitClosed(); }

 private:
  void Pause() override { this->PauseReading(); }
  void Resume() override { this->ResumeReading(); }

  void OnMessage(v1::Frame& frame) override {
    events_->frame(std::shared_ptr<LinkStream>(this->shared_from_this(), this), &frame);
  }
  void OnDrained(v1::Frame& spare) override { events_->drained(id(), &spare); }
  void OnClosed(const absl::Status& status) override { events_->closed(*this, status); }

  const Events* const events_;
};

// The queue is never longer than one frame and the hello: the switchboard sends one frame at a
// time.
inline constexpr rpc::StreamOptions kLinkStreamOptions = {.queue_bytes_max =
                                                              limits::kLinkQueueBytesMax};

class AcceptedLink final : public LinkStreamOver<rpc::ServerStream<v1::Frame, v1::Frame>> {
 public:
  AcceptedLink(const Events* events, LinkId id, NodeId peer, grpc::CallbackServerContext* context)
      : LinkStreamOver(events, id, peer, Dialled::kByPeer, context, kLinkStreamOptions) {}
};

class DialledLink final : public LinkStreamOver<rpc::ClientStream<v1::Frame, v1::Frame>> {
 public:
  DialledLink(const Events* events, LinkId id, NodeId peer, std::shared_ptr<grpc::Channel> channel)
      : LinkStreamOver(events, id, peer, Dialled::kByUs, kLinkStreamOptions),
        channel_(std::move(channel)),
        stub_(v1::Relay::NewStub(channel_)) {}

  void Open() {
    Start([this](grpc::ClientContext* context,
                 grpc::ClientBidiReactor<v1::Frame, v1::Frame>* reactor) {
      stub_->async()->Link(context, reactor);
    });
  }

 private:
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::Relay::Stub> stub_;
};

}  // namespace convergia::edge
