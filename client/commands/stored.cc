#include "client/commands/stored.h"

#include <iterator>

#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace convergia::client {

absl::StatusOr<std::unique_ptr<BlockingClient>> ConnectToStorage(CommandContext& context) {
  return context.Connect(nullptr, BlockingClient::Messages::kToObserver);
}

std::string FormatBytes(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return absl::StrFormat("%d B", bytes);
  double amount = bytes;
  size_t unit = 0;
  // 1023.95 would be shown as 1024.0.
  while (amount >= 1023.95 && unit + 1 < std::size(kUnits)) {
    amount /= 1024;
    ++unit;
  }
  return absl::StrFormat("%.1f %s", amount, kUnits[unit]);
}

std::string FormatLocalTime(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", time, absl::LocalTimeZone());
}

std::string LastName(absl::string_view path) {
  while (absl::ConsumeSuffix(&path, "/")) {
  }
  const size_t slash = path.rfind('/');
  return std::string(slash == absl::string_view::npos ? path : path.substr(slash + 1));
}

}  // namespace convergia::client
