#pragma once

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/connect/address.h"
#include "client/connect/stop.h"
#include "common/tls/dial.h"

namespace convergia::client {

// A TCP connection to `address`: the first that comes about of all that its name stands for
// (AddressRace). Takes `timeout` at most, also when the resolver does not answer.
//
// Errors: FailCode::kUnavailable, saying which address and why; kCancelled after `stop`.
asio::awaitable<absl::StatusOr<asio::ip::tcp::socket>> Dial(
    Address address, absl::Duration timeout, StopSource& stop,
    tls::Resolver resolver = tls::ResolveBySystem);

// How long it takes to connect to `address`: one round trip. The connection is closed at once.
//
// Errors: those of Dial().
asio::awaitable<absl::StatusOr<absl::Duration>> MeasureRoundTrip(
    Address address, absl::Duration timeout, StopSource& stop,
    tls::Resolver resolver = tls::ResolveBySystem);

}  // namespace convergia::client
