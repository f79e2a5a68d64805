#include "client/output/format.h"

#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "client/connect/client.h"
#include "client/files/transfer.h"
#include "client/output/text.h"

namespace convergia::client {

std::string FormatMessage(const Message& message, absl::string_view time_format) {
  const std::string time = absl::FormatTime(time_format, message.sent, absl::LocalTimeZone());
  return absl::StrCat("[", time, "] ", Printable(message.from), ": ",
                      absl::StrReplaceAll(Printable(message.body), {{"\n", "\n    "}}));
}

std::string RetryLine(absl::string_view name, const absl::Status& why) {
  const absl::Status about = About(name, why);
  // The server's advice is what is being done.
  const absl::string_view text = absl::StripSuffix(about.message(), "; try again later");
  return ErrorLine(absl::StrCat(text, "; trying again"));
}

std::string FormatBytes(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return absl::StrFormat("%d B", bytes);
  double amount = bytes;
  size_t unit = 0;
  // "%.1f" shows 1023.95 as 1024.0.
  while (amount >= 1023.95 && unit + 1 < std::size(kUnits)) {
    amount /= 1024;
    ++unit;
  }
  return absl::StrFormat("%.1f %s", amount, kUnits[unit]);
}

std::string FormatLocalTime(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M", time, absl::LocalTimeZone());
}

}  // namespace convergia::client
