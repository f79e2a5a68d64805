#include "tools/devcluster/node_kinds.h"

#include <glog/logging.h>
#include <google/protobuf/text_format.h>

#include "absl/strings/str_cat.h"

namespace convergia::devcluster {
namespace {

std::string Loopback(int port) { return absl::StrCat("127.0.0.1:", port); }

std::string Print(const google::protobuf::Message& config) {
  std::string text;
  CHECK(google::protobuf::TextFormat::PrintToString(config, &text));
  return text;
}

std::string MakeMgmtConfig(const NodePlan& plan, const ConfigChanges& changes) {
  v1::MgmtConfig config;
  config.set_dir(plan.dir);
  config.set_grpc_listen(Loopback(plan.ports[0]));
  config.set_line_listen(Loopback(plan.ports[1]));
  config.set_open_line_listen(Loopback(plan.ports[2]));
  config.set_password_bytes_min(1);  // Tests type many short passwords.
  if (changes.mgmt) changes.mgmt(&config);
  return Print(config);
}

std::string MakeDatamgrConfig(const NodePlan& plan, const ConfigChanges& changes) {
  v1::DatamgrConfig config;
  config.set_name(plan.name);
  config.set_dir(plan.dir);
  config.set_mgmt(plan.mgmt_address);
  config.set_join_token_file(plan.join_token_file);
  config.set_grpc_listen(Loopback(plan.ports[0]));
  if (changes.datamgr) changes.datamgr(&config);
  return Print(config);
}

std::string MakeEdgeConfig(const NodePlan& plan, const ConfigChanges& changes) {
  v1::EdgeConfig config;
  config.set_name(plan.name);
  config.set_dir(plan.dir);
  config.set_mgmt(plan.mgmt_address);
  config.set_join_token_file(plan.join_token_file);
  config.set_grpc_listen(Loopback(plan.ports[0]));
  config.set_line_listen(Loopback(plan.ports[1]));
  if (changes.edge) changes.edge(&config);
  return Print(config);
}

std::string MakeDataServerConfig(const NodePlan& plan, const ConfigChanges& changes) {
  v1::DataServerConfig config;
  config.set_name(plan.name);
  config.set_dir(plan.dir);
  config.set_mgmt(plan.mgmt_address);
  config.set_join_token_file(plan.join_token_file);
  config.set_datamgr(plan.datamgr_address);
  config.set_grpc_listen(Loopback(plan.ports[0]));
  if (changes.dataserver) changes.dataserver(&config);
  return Print(config);
}

constexpr NodeKind kNodeKinds[] = {
    {Role::kMgmt, &NodeCounts::mgmt, "", "mgmt", "mgmt/mgmt", 3, MakeMgmtConfig},
    {Role::kDatamgr, &NodeCounts::datamgr, "datamgr", "datamgr", "datamgr/datamgr", 1,
     MakeDatamgrConfig},
    {Role::kEdge, &NodeCounts::edges, "edges", "edge", "edge/edge", 2, MakeEdgeConfig},
    {Role::kDataserver, &NodeCounts::dataservers_volatile, "dataservers-volatile", "volatile",
     "dataserver/dataserver", 1, MakeDataServerConfig, v1::STORAGE_CLASS_VOLATILE},
    {Role::kDataserver, &NodeCounts::dataservers_nonvolatile, "dataservers-nonvolatile",
     "nonvolatile", "dataserver/dataserver", 1, MakeDataServerConfig,
     v1::STORAGE_CLASS_NON_VOLATILE},
};

}  // namespace

absl::Span<const NodeKind> NodeKinds() { return kNodeKinds; }

}  // namespace convergia::devcluster
