#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/client_context.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "common/base/limits.h"
#include "common/rpc/auth/guarded_call.h"
#include "common/rpc/auth/peer.h"
#include "common/rpc/auth/pin_set.h"
#include "common/rpc/calls/deadline.h"
#include "common/rpc/calls/status.h"
#include "common/rpc/streams/stream.h"

namespace convergia::rpc {

// The server's end of a bidirectional stream (stream.h).
//
//   class NodeSession : public rpc::ServerStream<v1::FromNode, v1::ToNode> { ... };
//   grpc::ServerBidiReactor<v1::FromNode, v1::ToNode>* Attach(CallbackServerContext* context) {
//     const auto peer = rpc::PeerOf(*context, pins_);
//     if (!peer.ok()) return rpc::RefuseStream<v1::FromNode, v1::ToNode>(peer.status());
//     return std::make_shared<NodeSession>(context, *peer)->Start();
//   }
template <typename In, typename Out>
class ServerStream : public Stream<In, Out>, private grpc::ServerBidiReactor<In, Out> {
 public:
  // Begins the stream, which must come from make_shared. Once. The method of the service returns
  // the result. A caller that may not call the method gets the refusal of the door; PeerOf()
  // returns the same error earlier.
  grpc::ServerBidiReactor<In, Out>* Start() {
    if (const absl::Status admitted = Admission(*context_); !admitted.ok()) this->Expel(admitted);
    self_ = this->shared_from_this();
    this->Started();
    return this;
  }

  // The same, and ends the stream when `pin` is revoked in `pins`, which must outlive it. The peer
  // gets kPermissionDenied. The stream is cancelled if the peer does not read that within
  // limits::kFarewellMax.
  grpc::ServerBidiReactor<In, Out>* Start(const PinSet& pins, const identity::Pin& pin) {
    std::weak_ptr<Base> weak = this->weak_from_this();
    revocation_ = pins.AddRevocationListener([weak, pin](const identity::Pin& revoked) {
      if (revoked != pin) return;
      if (const auto stream = weak.lock()) static_cast<ServerStream*>(stream.get())->Dismiss();
    });
    // The pin may have been revoked between the door's check and the registration above.
    if (!pins.Find(pin).has_value()) Dismiss();
    return Start();
  }

 protected:
  ServerStream(grpc::CallbackServerContext* context, const StreamOptions& options)
      : Stream<In, Out>(options), context_(context) {}

 private:
  using Base = Stream<In, Out>;

  // Ends the stream of a revoked pin.
  void Dismiss() {
    if (dismissed_.exchange(true)) return;
    const absl::Status reason = absl::PermissionDeniedError("the peer's certificate was revoked");
    this->Expel(reason);
    std::weak_ptr<Base> weak = this->weak_from_this();
    farewell_.Set(DeadlineIn(limits::kFarewellMax), [weak, reason](bool is_due) {
      const auto stream = is_due ? weak.lock() : nullptr;
      if (stream != nullptr) stream->Cancel(reason);
    });
  }

  typename Base::Side side() const final { return Base::Side::kServer; }
  void DoRead(In* message) final { this->StartRead(message); }
  void DoWrite(const Out& message, bool more_follow) final {
    grpc::WriteOptions options;
    // The first message goes out with the initial metadata, and gRPC reports it only when both have
    // left. If a hint made gRPC buffer it, it would wait for the second message, which waits for
    // that report.
    if (more_follow && has_written_) options.set_buffer_hint();
    has_written_ = true;
    this->StartWrite(&message, options);
  }
  void DoHalfClose() final {}
  void DoEnd(const absl::Status& reason) final { this->Finish(ToGrpcStatus(reason)); }
  void DoCancel() final { context_->TryCancel(); }

  void OnReadDone(bool ok) final { this->ReadDone(ok); }
  void OnWriteDone(bool ok) final { this->WriteDone(ok); }
  void OnCancel() final { this->PeerCancelled(); }
  void OnDone() final {
    revocation_.reset();
    this->Closed(absl::OkStatus());
    const auto last = std::move(self_);  // May end this object.
  }

  grpc::CallbackServerContext* const context_;
  bool has_written_ = false;  // DoWrite() is called one at a time.
  std::shared_ptr<void> revocation_;
  std::atomic<bool> dismissed_ = false;
  grpc::Alarm farewell_;  // Set by Dismiss(), once.
  std::shared_ptr<Stream<In, Out>> self_;
};

// The answer of a method that refuses a stream: ends it with `status`.
template <typename In, typename Out>
grpc::ServerBidiReactor<In, Out>* RefuseStream(const absl::Status& status) {
  class Refusal final : public grpc::ServerBidiReactor<In, Out> {
   public:
    explicit Refusal(const absl::Status& status) { this->Finish(ToGrpcStatus(status)); }
    void OnDone() override { delete this; }
  };
  return new Refusal(status);
}

// The client's end of a bidirectional stream (stream.h).
//
//   auto link = std::make_shared<OutgoingLink>(...);
//   link->Start([&](grpc::ClientContext* context, auto* reactor) {
//     stub->async()->Link(context, reactor);
//   });
template <typename In, typename Out>
class ClientStream : public Stream<In, Out>, private grpc::ClientBidiReactor<Out, In> {
 public:
  using Open = std::function<void(grpc::ClientContext*, grpc::ClientBidiReactor<Out, In>*)>;

  // Begins the stream, which must come from make_shared. Once. `open` calls the method of a stub,
  // at once. The channel must outlive OnClosed().
  void Start(const Open& open) {
    self_ = this->shared_from_this();
    open(&context_, this);
    this->AddHold();  // Any thread may take a step, so gRPC must keep the call until DoEnd().
    this->StartCall();
    this->Started();
  }

  // For metadata or a deadline before Start(), and for trailing metadata after the end.
  grpc::ClientContext& context() { return context_; }

 protected:
  explicit ClientStream(const StreamOptions& options) : Stream<In, Out>(options) {}

 private:
  using Base = Stream<In, Out>;

  typename Base::Side side() const final { return Base::Side::kClient; }
  void DoRead(In* message) final { this->StartRead(message); }
  void DoWrite(const Out& message, bool more_follow) final {
    grpc::WriteOptions options;
    if (more_follow) options.set_buffer_hint();
    this->StartWrite(&message, options);
  }
  void DoHalfClose() final { this->StartWritesDone(); }
  void DoEnd(const absl::Status& /*reason*/) final { this->RemoveHold(); }
  void DoCancel() final { context_.TryCancel(); }

  void OnReadInitialMetadataDone(bool ok) final { this->Opened(ok); }
  void OnReadDone(bool ok) final { this->ReadDone(ok); }
  void OnWriteDone(bool ok) final { this->WriteDone(ok); }
  void OnDone(const grpc::Status& status) final {
    this->Closed(FromGrpcStatus(status));
    const auto last = std::move(self_);  // May end this object.
  }

  grpc::ClientContext context_;
  std::shared_ptr<Stream<In, Out>> self_;
};

}  // namespace convergia::rpc
