#include "common/rpc/auth/callback_threads.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <mutex>

namespace convergia::rpc {
namespace {

// A call that fails at once, on a channel without an address. Both are kept for ever. gRPC counts
// the users of its threads, and a call of this kind is the only way to raise that count.
struct Keeper {
  grpc::ClientContext context;
  grpc::Slice nothing;
  grpc::ByteBuffer request{&nothing, 1};
  grpc::ByteBuffer response;
  grpc::GenericStub stub{grpc::CreateChannel("", nullptr)};
};

}  // namespace

void KeepCallbackThreads() {
  static std::once_flag once;
  std::call_once(once, [] {
    static auto* const keeper = new Keeper;
    keeper->stub.UnaryCall(&keeper->context, "/", grpc::StubOptions(), &keeper->request,
                           &keeper->response, [](const grpc::Status&) {});
  });
}

}  // namespace convergia::rpc
