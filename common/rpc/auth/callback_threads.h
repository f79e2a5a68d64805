#pragma once

namespace convergia::rpc {

// Keeps gRPC's callback threads for the life of the process. Without this, gRPC 1.51 ends them when
// the last channel or server that uses them goes. If that happens on one of these threads, the
// thread waits for itself and the process crashes. It happens there if the last call on a channel
// holds the channel. Idempotent.
//
// MakeChannel(), Server and CallPool call it. So the threads stay too if a test gives a CallPool a
// channel of gRPC's own.
void KeepCallbackThreads();

}  // namespace convergia::rpc
