#include "absl/time/time.h"
#include "common/node/program/node_main.h"
#include "edge/edge_server.h"

int main(int argc, char** argv) {
  using convergia::edge::EdgeServer;
  // For those who did not go elsewhere to read BYE; more time would only keep an operator waiting.
  constexpr absl::Duration kByeDeadline = absl::Milliseconds(1500);
  return convergia::node::NodeMain<EdgeServer>(
      argc, argv, {"edge", "A main server of Convergia."}, convergia::edge::ReadSettings,
      [](EdgeServer& server) { server.Drain(kByeDeadline); });
}
