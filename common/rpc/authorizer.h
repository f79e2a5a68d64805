#pragma once

#include <grpcpp/security/auth_metadata_processor.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/rpc/call_policy.h"
#include "common/rpc/pin_set.h"

namespace convergia::rpc {

// Stands at the door of a server: sees every call before its service does, and answers in its place
// those that may not pass. Never blocks, so it runs on the thread that received the call.
//
// Thread-safe. `policy` and `pins` outlive it.
class Authorizer final : public grpc::AuthMetadataProcessor {
 public:
  Authorizer(const CallPolicy& policy, const PinSet& pins) : policy_(policy), pins_(pins) {}

  bool IsBlocking() const override { return false; }
  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* context,
                       OutputMetadata* consumed, OutputMetadata* response) override;

  // The decision: `pem` is the caller's certificate, which TLS has checked; empty if it showed
  // none.
  //
  // Errors: those of CallPolicy::Judge(), and kUnauthenticated if the key is not in the set.
  absl::Status Admit(absl::string_view method, absl::string_view pem) const;

 private:
  const CallPolicy& policy_;
  const PinSet& pins_;
};

}  // namespace convergia::rpc
