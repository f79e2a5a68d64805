#include "client/connect/dial.h"

#include <asio/connect.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/fail.h"

namespace convergia::client {
namespace {

using asio::ip::tcp;

absl::Status Unreachable(const Address& address, absl::string_view why) {
  return Fail(FailCode::kUnavailable, absl::StrCat("cannot reach ", address.ToString(), ": ", why,
                                                   "; check the address and the network"));
}

absl::Status TimedOut(const Address& address, absl::Duration timeout, const StopSource& stop) {
  if (stop.stopped()) return absl::CancelledError("the client is closing");
  return Unreachable(address, absl::StrCat("no answer in ", absl::FormatDuration(timeout)));
}

struct Dialled {
  tcp::socket socket;
  absl::Duration round_trip;
};

asio::awaitable<absl::StatusOr<Dialled>> DialAndMeasure(Address address, absl::Duration timeout,
                                                        StopSource& stop) {
  const auto executor = co_await asio::this_coro::executor;
  tcp::resolver resolver(executor);
  tcp::socket socket(executor);
  const Watchdog watchdog(executor, stop, timeout, [&resolver, &socket] {
    resolver.cancel();
    asio::error_code ignored;
    socket.close(ignored);
  });
  asio::error_code error;
  const auto endpoints = co_await resolver.async_resolve(
      address.host, absl::StrCat(address.port), asio::redirect_error(asio::use_awaitable, error));
  // Not asio::async_connect(): it would open the closed socket again for the next endpoint.
  for (const auto& endpoint : endpoints) {
    if (watchdog.fired()) break;
    socket = tcp::socket(executor);
    const absl::Duration begun = RealClock::Get().Elapsed();
    co_await socket.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, error));
    if (watchdog.fired()) break;
    if (!error) co_return Dialled{std::move(socket), RealClock::Get().Elapsed() - begun};
  }
  if (watchdog.fired()) co_return TimedOut(address, timeout, stop);
  co_return Unreachable(address, error ? error.message() : "the name stands for no address");
}

}  // namespace

asio::awaitable<absl::StatusOr<tcp::socket>> Dial(Address address, absl::Duration timeout,
                                                  StopSource& stop) {
  absl::StatusOr<Dialled> dialled = co_await DialAndMeasure(std::move(address), timeout, stop);
  if (!dialled.ok()) co_return dialled.status();
  co_return std::move(dialled->socket);
}

asio::awaitable<absl::StatusOr<absl::Duration>> MeasureRoundTrip(Address address,
                                                                 absl::Duration timeout,
                                                                 StopSource& stop) {
  const absl::StatusOr<Dialled> dialled =
      co_await DialAndMeasure(std::move(address), timeout, stop);
  if (!dialled.ok()) co_return dialled.status();
  co_return dialled->round_trip;
}

}  // namespace convergia::client
