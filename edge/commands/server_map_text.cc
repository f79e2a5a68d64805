#include "edge/commands/server_map_text.h"

#include "absl/strings/str_join.h"
#include "common/line/rows.h"

namespace convergia::edge {

std::string ServerMapText(const ServerMap& map) {
  line::RowWriter rows;
  for (const ServerMap::Entry& entry : map.entries) {
    const char* const status = entry.is_removed  ? "removed"
                               : entry.is_online ? "online"
                                                 : "offline";
    rows.Add({entry.id, entry.name, entry.type, status, entry.notes,
              absl::StrJoin(entry.connected, ",")});
  }
  return rows.data();
}

}  // namespace convergia::edge
