#pragma once

namespace convergia::rpc {

// Keeps gRPC's callback threads for the life of the process. Without it they end with the last
// server or channel; and if that goes on one of these very threads (as a channel may whose last
// call ends after its owner is gone), gRPC 1.51 waits for itself there and crashes. Idempotent.
void KeepCallbackThreads();

}  // namespace convergia::rpc
