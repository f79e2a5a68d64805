#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/line/reply.h"

namespace convergia::edge {

// Appends the push RECEIVEMESSAGE with its fields from, time and body, as it goes on the wire.
// `from` is a username; `time_ms` is in milliseconds since 1970.
inline void AppendReceiveMessage(absl::string_view from, int64_t time_ms, absl::string_view body,
                                 std::string* out) {
  absl::StrAppend(out, "RECEIVEMESSAGE ", from, "~\n", time_ms, "~\n");
  line::AppendEscaped(body, out);
  out->push_back('\n');
}

}  // namespace convergia::edge
