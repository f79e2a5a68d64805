#include "tests/cluster/reflection_client.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>

#include "common/rpc/calls/status.h"

namespace convergia::testing {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// Calls `found` with each length-delimited field `number` of the message `bytes`.
template <typename Found>
void ForEachField(const std::string& bytes, int number, Found found) {
  CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  while (const uint32_t tag = in.ReadTag()) {
    uint32_t size = 0;
    std::string value;
    if (WireFormatLite::GetTagFieldNumber(tag) != number) {
      if (!WireFormatLite::SkipField(&in, tag)) return;
    } else if (in.ReadVarint32(&size) && in.ReadString(&value, size)) {
      found(value);
    } else {
      return;
    }
  }
}

std::string ToString(grpc::ByteBuffer* buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer->Dump(&slices).ok()) return bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

// Field 6 (list_services_response) has field 1 (service), which has field 1 (name).
std::vector<std::string> ReadNames(const std::string& response) {
  std::vector<std::string> names;
  ForEachField(response, 6, [&](const std::string& list) {
    ForEachField(list, 1, [&](const std::string& service) {
      ForEachField(service, 1, [&](const std::string& name) { names.push_back(name); });
    });
  });
  return names;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ListServices(
    const std::shared_ptr<grpc::Channel>& channel) {
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  const auto call = stub.PrepareCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  // One operation at a time: start it and wait for it.
  void* tag = nullptr;
  bool ok = false;
  const auto await = [&] { return queue.Next(&tag, &ok) && ok; };
  const std::string list_services("\x3a\x01*", 3);  // Field 7 (list_services) with any text.
  const grpc::Slice slice(list_services);
  grpc::ByteBuffer response;
  call->StartCall(nullptr);
  bool answered = await();
  if (answered) {
    call->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), nullptr);
    answered = await();
  }
  if (answered) {
    call->Read(&response, nullptr);
    answered = await();
  }
  grpc::Status status;
  call->Finish(&status, nullptr);
  await();
  if (!status.ok()) return rpc::FromGrpcStatus(status);
  return ReadNames(ToString(&response));
}

}  // namespace convergia::testing
