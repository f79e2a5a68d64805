#pragma once

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/transport/address.h"
#include "client/transport/stop.h"
#include "common/tls/dial.h"

namespace convergia::client {

// Opens a TCP connection to `address`. If its name has several addresses, they race (AddressRace),
// and the first connection wins. Takes at most `timeout`, also if the resolver does not answer.
//
// Errors: FailCode::kUnavailable, with the address and the reason; kCancelled after `stop`.
asio::awaitable<absl::StatusOr<asio::ip::tcp::socket>> Dial(
    Address address, absl::Duration timeout, StopSource& stop,
    tls::Resolver resolver = tls::ResolveBySystem);

// Measures how long a connection to `address` takes: one round trip. Closes it at once.
//
// Errors: those of Dial().
asio::awaitable<absl::StatusOr<absl::Duration>> MeasureRoundTrip(
    Address address, absl::Duration timeout, StopSource& stop,
    tls::Resolver resolver = tls::ResolveBySystem);

}  // namespace convergia::client
