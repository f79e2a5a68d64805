#pragma once

#include <string>
#include <vector>

#include "convergia/v1/server_map.pb.h"

namespace convergia::edge {

// The servers and clients of the cluster, and what each is connected to; or those that changed.
struct ServerMap {
  struct Entry {
    std::string id;  // "n" and the node's id, or "u" and the account's id.
    std::string name;
    std::string type;  // managementserver, mainserver, datamanagementserver, dataserver or client.
    bool is_online = false;
    bool is_removed = false;             // No longer on the map. Only in changes.
    std::string notes;                   // For people; may be empty.
    std::vector<std::string> connected;  // Ids of the nodes that it is connected to.
  };
  std::vector<Entry> entries;
};

// Moves the rows of a response or an update of mgmt.
ServerMap ServerMapOf(google::protobuf::RepeatedPtrField<v1::ServerMapRow> rows);

}  // namespace convergia::edge
