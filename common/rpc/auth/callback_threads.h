#pragma once

namespace convergia::rpc {

// Keeps gRPC's callback threads for the life of the process. gRPC 1.51 ends them with the last
// server or channel. A channel may end on one of these threads: its last call ends there after the
// owner is gone. Then the thread would wait for itself, and gRPC crashes. Idempotent, thread-safe.
void KeepCallbackThreads();

}  // namespace convergia::rpc
