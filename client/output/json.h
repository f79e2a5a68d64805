#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// JSON for `--json`. docs/CLIENT.md has the document of each command.
namespace convergia::client {

// The help text of `--json`.
inline constexpr char kJsonHelp[] = "One JSON document for scripts (docs/CLIENT.md); times are UTC";

using Json = nlohmann::ordered_json;  // Keys stay in the order in which they are added.

// "2023-11-14T22:13:20.123Z", as in RFC 3339; null for a time outside of the years 0 to 9999.
Json JsonTime(absl::Time time);

// The array of the names in a list that is separated by commas.
Json JsonOfNames(absl::string_view names);

// `document` as text that ends with LF. Bytes that are not UTF-8 become U+FFFD. Characters that
// would steer a terminal are escaped, so that it may be shown.
std::string JsonText(const Json& document);

// Writes it to standard output.
void Print(const Json& document);

}  // namespace convergia::client
