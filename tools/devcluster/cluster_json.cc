#include "tools/devcluster/cluster_json.h"

#include <glog/logging.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

namespace convergia::devcluster {
namespace {

void SetText(google::protobuf::Struct* object, const std::string& key, absl::string_view value) {
  (*object->mutable_fields())[key].set_string_value(std::string(value));
}

google::protobuf::Struct NodeObject(const Cluster::Node& node) {
  google::protobuf::Struct object;
  SetText(&object, "name", node.name);
  SetText(&object, "role", RoleWord(node.role));
  SetText(&object, "grpc", node.grpc);
  SetText(&object, "line", node.line);
  SetText(&object, "http", node.http);
  SetText(&object, "dir", node.dir);
  SetText(&object, "log", node.log);
  google::protobuf::Value& pid = (*object.mutable_fields())["pid"];
  if (node.pid > 0) {
    pid.set_number_value(node.pid);
  } else {
    pid.set_null_value(google::protobuf::NULL_VALUE);  // A number would invite kill(1).
  }
  return object;
}

}  // namespace

std::string ClusterJson(const std::vector<Cluster::Node>& nodes,
                        const rpc::TlsFiles& operator_files) {
  google::protobuf::Struct cluster;
  SetText(&cluster, "ca", operator_files.ca);
  google::protobuf::Struct* const keys =
      (*cluster.mutable_fields())["operator"].mutable_struct_value();
  SetText(keys, "cert", operator_files.certificate_chain);
  SetText(keys, "key", operator_files.key);
  google::protobuf::ListValue* const list =
      (*cluster.mutable_fields())["nodes"].mutable_list_value();
  for (const Cluster::Node& node : nodes) {
    *list->add_values()->mutable_struct_value() = NodeObject(node);
  }
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  std::string json;
  CHECK(google::protobuf::util::MessageToJsonString(cluster, &json, options).ok());
  return json;
}

}  // namespace convergia::devcluster
