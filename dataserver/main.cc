#include "absl/time/time.h"
#include "common/node/program/node_main.h"
#include "dataserver/dataserver_server.h"

int main(int argc, char** argv) {
  using convergia::dataserver::DataServer;
  constexpr absl::Duration kDrainDeadline = absl::Seconds(10);
  return convergia::node::NodeMain<DataServer>(
      argc, argv, {"dataserver", "A data server of Convergia."},
      convergia::dataserver::ReadSettings,
      [](DataServer& server) { server.Drain(kDrainDeadline); });
}
