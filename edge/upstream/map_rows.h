#pragma once

#include <string>

#include "absl/strings/str_join.h"
#include "common/line/rows.h"
#include "convergia/v1/server_map.pb.h"

namespace convergia::edge {

// The rows of GETSERVERMAP and SERVERMAPUPDATE as text: id, name, type, online|offline|removed,
// notes, and the ids of the connected servers with commas between them. `rows` is any sequence of
// v1::ServerMapRow.
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
