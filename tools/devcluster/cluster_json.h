#pragma once

#include <string>
#include <vector>

#include "common/rpc/auth/credentials.h"
#include "tools/devcluster/cluster.h"

namespace convergia::devcluster {

// The text of cluster.json:
//   {"ca": file, "operator": {"cert": file, "key": file},
//    "nodes": [{"name", "role", "pid", "grpc", "line", "http", "dir", "log"}]}
// Addresses are "host:port", or "" if the node has none. The pid is null while a node is down.
std::string ClusterJson(const std::vector<Cluster::Node>& nodes,
                        const rpc::TlsFiles& operator_files);

}  // namespace convergia::devcluster
