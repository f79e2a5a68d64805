#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/commands/context.h"

// What the commands on stored things share.
namespace convergia::client {

// A client for commands that ask and print, and take no messages.
absl::StatusOr<std::unique_ptr<BlockingClient>> ConnectToStorage(CommandContext& context);

// "1.5 MiB", at most 8 characters.
std::string FormatBytes(uint64_t bytes);

// In local time, to the second.
std::string FormatLocalTime(absl::Time time);

// The last name of a path; empty for "/".
std::string LastName(absl::string_view path);

}  // namespace convergia::client
