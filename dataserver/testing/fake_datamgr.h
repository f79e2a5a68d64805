#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "common/base/ids.h"
#include "common/rpc/auth/pin_set.h"
#include "common/rpc/server.h"
#include "common/rpc/testing/test_pki.h"
#include "convergia/v1/chunks.grpc.pb.h"
#include "dataserver/store/segments/segment_format.h"

namespace convergia::dataserver {

class FakeStream;

v1::ChunkRequest MakePut(const ChunkKey& key, const std::string& bytes);
v1::ChunkRequest MakeRead(const ChunkKey& key, uint32_t offset, uint32_t length);
v1::ChunkRequest MakeDelete(const ChunkKey& key);

// A datamgr for tests: the service Chunks over real TLS. It sends the requests that a test gives
// it, and records hellos and reports. Thread-safe.
class FakeDatamgr final : public v1::Chunks::CallbackService {
 public:
  // Starts to serve at once. Both arguments must outlive it.
  FakeDatamgr(rpc::TestPki* pki, const rpc::PinSet* pins);
  ~FakeDatamgr() override;

  // Stops the server, and restarts it at the same address.
  void Stop();
  void Start();
  const std::string& address() const { return address_; }

  // Sets the settings that new streams get after their hello. Sends them to the present streams at
  // once.
  void SetSettings(const v1::DataServerSettings& settings) ABSL_LOCKS_EXCLUDED(mu_);
  // Sets the epoch that new streams are told; 1 at first.
  void SetEpoch(Epoch epoch) ABSL_LOCKS_EXCLUDED(mu_);
  // Sends `request` on every new stream right after the greeting, and ignores the response.
  void AskAtOnce(const v1::ChunkRequest& request) ABSL_LOCKS_EXCLUDED(mu_);
  // Refuses new streams with `status`; OK accepts them again.
  void RefuseStreams(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);

  // Sends requests, each with an ID. `done` gets the response, or kUnavailable if the stream ends
  // first.
  using Done = absl::AnyInvocable<void(absl::StatusOr<v1::ChunkResponse>)>;
  void Send(int stream, std::vector<v1::ChunkRequest> requests, std::vector<Done> dones)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Sends one request and waits for the response.
  absl::StatusOr<v1::ChunkResponse> Ask(int stream, v1::ChunkRequest request);

  // The functions below end the test if the event does not come within 30 seconds. AwaitStreams()
  // waits for `count` open streams and returns the latest hello of each stream number.
  std::vector<v1::DataServerHello> AwaitStreams(int count) ABSL_LOCKS_EXCLUDED(mu_);
  // Waits for `count` further hellos.
  void AwaitHellos(int count) ABSL_LOCKS_EXCLUDED(mu_);
  // Waits for `count` further streams that were refused.
  void AwaitRefusals(int count) ABSL_LOCKS_EXCLUDED(mu_);
  // Waits for `count` further reports. Returns the last one.
  v1::DataServerReport AwaitReports(int count) ABSL_LOCKS_EXCLUDED(mu_);
  void AwaitNoStreams() ABSL_LOCKS_EXCLUDED(mu_);

  grpc::ServerBidiReactor<v1::FromDataServer, v1::ToDataServer>* Serve(
      grpc::CallbackServerContext* context) override;

 private:
  friend class FakeStream;

  void OnHello(const std::shared_ptr<FakeStream>& stream, const v1::DataServerHello& hello)
      ABSL_LOCKS_EXCLUDED(mu_);
  void OnReport(const v1::DataServerReport& report) ABSL_LOCKS_EXCLUDED(mu_);
  void OnStreamClosed(const FakeStream* stream) ABSL_LOCKS_EXCLUDED(mu_);

  rpc::TestPki* const pki_;
  const rpc::PinSet* const pins_;
  std::string address_ = "127.0.0.1:0";
  std::unique_ptr<rpc::Server> server_;

  mutable absl::Mutex mu_;
  Epoch epoch_ ABSL_GUARDED_BY(mu_) = 1;
  std::vector<v1::ChunkRequest> at_once_ ABSL_GUARDED_BY(mu_);
  int refusals_ ABSL_GUARDED_BY(mu_) = 0;
  int hellos_heard_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<int, std::shared_ptr<FakeStream>> streams_ ABSL_GUARDED_BY(mu_);
  std::map<int, v1::DataServerHello> hellos_ ABSL_GUARDED_BY(mu_);
  v1::DataServerSettings settings_ ABSL_GUARDED_BY(mu_);
  absl::Status refusal_ ABSL_GUARDED_BY(mu_);
  v1::DataServerReport last_report_ ABSL_GUARDED_BY(mu_);
  int reports_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace convergia::dataserver
