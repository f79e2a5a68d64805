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

// How many of each kind.
struct NodeCounts {
  int mgmt = 1;     // Always.
  int datamgr = 0;  // At most one.
  int edges = 1;
  int dataservers_volatile = 0;
  int dataservers_nonvolatile = 0;
};

// Changes that a caller wants in what every node of a kind is told. May be empty.
struct ConfigChanges {
  std::function<void(v1::MgmtConfig*)> mgmt;
  std::function<void(v1::DatamgrConfig*)> datamgr;
  std::function<void(v1::EdgeConfig*)> edge;
  std::function<void(v1::DataServerConfig*)> dataserver;
};

// What one node's configuration is made from.
struct NodePlan {
  std::string name;
  std::string dir;
  std::vector<int> ports;       // As many as its kind wants.
  std::string mgmt_address;     // Of mgmt's gRPC; empty for mgmt itself.
  std::string datamgr_address;  // The same; empty if there is none.
  std::string join_token_file;
};

// How a kind of node is started. Another kind of node is another row of kNodeKinds.
struct NodeKind {
  Role role;
  int NodeCounts::*count;
  absl::string_view flag;         // Of devcluster: how many; empty for mgmt.
  absl::string_view name_prefix;  // Its nodes are this and a number, but for mgmt.
  absl::string_view program;      // As FindProgram() takes it.
  int ports;                      // The first is that of its gRPC.
  // The text of its configuration file.
  std::string (*make_config)(const NodePlan& plan, const ConfigChanges& changes);
  // What operators say of it, for data servers.
  v1::StorageClass storage_class = v1::STORAGE_CLASS_UNSPECIFIED;
};

// In the order in which they are started; mgmt first.
absl::Span<const NodeKind> NodeKinds();

}  // namespace convergia::devcluster
