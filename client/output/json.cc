#include "client/output/json.h"

#include <algorithm>
#include <iostream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "client/output/cells.h"
#include "client/output/text.h"

namespace convergia::client {
namespace {

constexpr int kIndent = 2;

}  // namespace

Json JsonTime(absl::Time time) {
  const absl::TimeZone utc = absl::UTCTimeZone();
  const absl::civil_year_t year = absl::ToCivilYear(time, utc).year();
  if (year < 0 || year > 9999) return nullptr;
  return absl::FormatTime("%E4Y-%m-%d%ET%H:%M:%E3SZ", time, utc);
}

Json JsonOfNames(absl::string_view names) {
  return std::vector<std::string>(absl::StrSplit(names, ',', absl::SkipEmpty()));
}

std::string JsonText(const Json& document) {
  const std::string dumped =
      document.dump(kIndent, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
  std::string text;
  absl::string_view rest = dumped;
  while (!rest.empty()) {
    uint32_t code = 0;
    const size_t length = std::max<size_t>(ReadUtf8(rest, &code), 1);
    // Only strings hold them, and all that there are have four hexadecimal digits.
    if (code != '\n' && SteersTheTerminal(code)) {
      absl::StrAppendFormat(&text, "\\u%04x", code);
    } else {
      absl::StrAppend(&text, rest.substr(0, length));
    }
    rest.remove_prefix(length);
  }
  return absl::StrCat(text, "\n");
}

void Print(const Json& document) { std::cout << JsonText(document) << std::flush; }

}  // namespace convergia::client
