#include "edge/core/server_map.h"

#include <iterator>
#include <utility>

namespace convergia::edge {

ServerMap ServerMapOf(google::protobuf::RepeatedPtrField<v1::ServerMapRow> rows) {
  ServerMap map;
  map.entries.reserve(static_cast<size_t>(rows.size()));
  for (v1::ServerMapRow& row : rows) {
    map.entries.push_back({.id = std::move(*row.mutable_id()),
                           .name = std::move(*row.mutable_name()),
                           .type = std::move(*row.mutable_type()),
                           .is_online = row.online(),
                           .is_removed = row.removed(),
                           .notes = std::move(*row.mutable_notes()),
                           .connected = {std::make_move_iterator(row.mutable_connected()->begin()),
                                         std::make_move_iterator(row.mutable_connected()->end())}});
  }
  return map;
}

}  // namespace convergia::edge
