#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// Values as people read them.
namespace convergia::client {

struct Message;

// "[21:05:59] alice: hi", with further lines of the body indented. `time_format` is a format of
// absl::FormatTime().
std::string FormatMessage(const Message& message, absl::string_view time_format);

// "convergia: NAME: WHY; trying again LF".
std::string RetryLine(absl::string_view name, const absl::Status& why);

// "1.5 MiB", at most 8 characters.
std::string FormatBytes(uint64_t bytes);

// "2023-11-14 23:13": in local time, as in `ls -l --time-style=long-iso`.
std::string FormatLocalTime(absl::Time time);

}  // namespace convergia::client
