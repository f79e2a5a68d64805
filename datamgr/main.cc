#include "common/node/program/node_main.h"
#include "datamgr/datamgr_server.h"

int main(int argc, char** argv) {
  using convergia::datamgr::DatamgrServer;
  return convergia::node::NodeMain<DatamgrServer>(
      argc, argv, {"datamgr", "The data management server of Convergia."},
      convergia::datamgr::ReadSettings, [](DatamgrServer& server) { server.Drain(); });
}
