#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/base/ids.h"
#include "convergia/v1/config.pb.h"
#include "convergia/v1/types.pb.h"

namespace convergia::devcluster {

// The number of nodes of each kind.
struct NodeCounts {
  int mgmt = 1;     // Always.
  int datamgr = 0;  // At most one.
  int edges = 1;
  int dataservers_volatile = 0;
  int dataservers_nonvolatile = 0;
};

// The caller's changes to the configurations of all nodes of a kind. Each may be empty.
struct ConfigChanges {
  std::function<void(v1::MgmtConfig*)> mgmt;
  std::function<void(v1::DatamgrConfig*)> datamgr;
  std::function<void(v1::EdgeConfig*)> edge;
  std::function<void(v1::DataServerConfig*)> dataserver;
};

// The input for one node's configuration.
struct NodePlan {
  std::string name;
  std::string dir;
  std::vector<int> ports;       // As many as NodeKind::ports.
  std::string mgmt_address;     // The address of mgmt's gRPC; empty for mgmt itself.
  std::string datamgr_address;  // Likewise for datamgr; empty if there is none.
  std::string join_token_file;  // mgmt needs none.
};

// How to start a kind of node. A further kind of node is a further row of kNodeKinds
// (node_kinds.cc).
struct NodeKind {
  Role role;
  int NodeCounts::*count;
  absl::string_view flag;         // devcluster's flag for the number of nodes; empty for mgmt.
  absl::string_view name_prefix;  // A node's name is this and a number; mgmt's is this alone.
  absl::string_view program;      // For FindProgram().
  int ports;                      // The number of its ports. The first is for gRPC.
  // Returns the text of its configuration file.
  std::string (*make_config)(const NodePlan& plan, const ConfigChanges& changes);
  // The class that the operator sets, for data servers.
  v1::StorageClass storage_class = v1::STORAGE_CLASS_UNSPECIFIED;
};

// All kinds, in the order in which they start: mgmt first.
absl::Span<const NodeKind> NodeKinds();

}  // namespace convergia::devcluster
