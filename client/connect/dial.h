#pragma once

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/connect/address.h"
#include "client/connect/stop.h"

namespace convergia::client {

// A TCP connection to `address`, trying all that its name stands for.
//
// Errors: FailCode::kUnavailable, saying which address and why.
asio::awaitable<absl::StatusOr<asio::ip::tcp::socket>> Dial(Address address, absl::Duration timeout,
                                                            StopSource& stop);

// How long it takes to connect to `address`: one round trip. The connection is closed at once.
//
// Errors: those of Dial().
asio::awaitable<absl::StatusOr<absl::Duration>> MeasureRoundTrip(Address address,
                                                                 absl::Duration timeout,
                                                                 StopSource& stop);

}  // namespace convergia::client
