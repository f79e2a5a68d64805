#pragma once

#include <string>

#include "absl/strings/str_join.h"
#include "common/line/rows.h"
#include "convergia/v1/server_map.pb.h"

namespace convergia::edge {

// As GETSERVERMAP and SERVERMAPUPDATE show them: id, name, type, online|offline|removed, notes, ids
// of the servers it is connected to.
template <typename Rows>
std::string MapRowsText(const Rows& rows) {
  line::RowWriter writer;
  for (const v1::ServerMapRow& row : rows) {
    const char* const status = row.removed() ? "removed" : row.online() ? "online" : "offline";
    writer.Add({row.id(), row.name(), row.type(), status, row.notes(),
                absl::StrJoin(row.connected(), ",")});
  }
  return std::string(writer.data());
}

}  // namespace convergia::edge
