#include "tools/devcluster/cluster_json.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace convergia::devcluster {
namespace {

std::string Quote(absl::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&quoted, "\\u%04x", c);
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string NodeObject(const Cluster::Node& node) {
  return absl::StrCat("    {\"name\": ", Quote(node.name),
                      ", \"role\": ", Quote(RoleWord(node.role)),
                      // null, because a pid of 0 or -1 would be dangerous for callers of kill(1).
                      ", \"pid\": ", node.pid > 0 ? absl::StrCat(node.pid) : "null",
                      ",\n     \"grpc\": ", Quote(node.grpc), ", \"line\": ", Quote(node.line),
                      ", \"http\": ", Quote(node.http), ",\n     \"dir\": ", Quote(node.dir),
                      ",\n     \"log\": ", Quote(node.log), "}");
}

}  // namespace

std::string ClusterJson(const std::vector<Cluster::Node>& nodes,
                        const rpc::TlsFiles& operator_files) {
  const auto append_node = [](std::string* out, const Cluster::Node& node) {
    absl::StrAppend(out, NodeObject(node));
  };
  return absl::StrCat("{\n  \"ca\": ", Quote(operator_files.ca),
                      ",\n  \"operator\": {\"cert\": ", Quote(operator_files.certificate_chain),
                      ",\n               \"key\": ", Quote(operator_files.key),
                      "},\n  \"nodes\": [\n", absl::StrJoin(nodes, ",\n", append_node),
                      "\n  ]\n}\n");
}

}  // namespace convergia::devcluster
