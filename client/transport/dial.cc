#include "client/transport/dial.h"

#include <asio/this_coro.hpp>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"

namespace convergia::client {
namespace {

using asio::ip::tcp;

// Cancels the race when its coroutine or its owner ends.
class CancelsRace {
 public:
  CancelsRace(std::shared_ptr<tls::DialRace> race, StopSource& stop)
      : race_(std::move(race)),
        stop_(stop),
        handle_(stop_.Add([race = race_] { race->Cancel(); })) {}
  ~CancelsRace() {
    stop_.Remove(handle_);
    race_->Cancel();
  }
  CancelsRace(const CancelsRace&) = delete;
  CancelsRace& operator=(const CancelsRace&) = delete;

 private:
  const std::shared_ptr<tls::DialRace> race_;
  StopSource& stop_;
  const StopSource::Handle handle_;
};

asio::awaitable<absl::StatusOr<tls::Dialled>> DialAndMeasure(Address address,
                                                             absl::Duration timeout,
                                                             StopSource& stop,
                                                             tls::Resolver resolver) {
  if (stop.stopped()) co_return absl::CancelledError("the client is closing");
  const auto race = std::make_shared<tls::DialRace>(co_await asio::this_coro::executor, timeout);
  const CancelsRace cancels(race, stop);
  race->Start({address.host, address.port}, resolver);
  co_await race->AwaitEnd();
  absl::StatusOr<tls::Dialled> dialled = race->TakeOutcome();
  if (dialled.ok()) co_return dialled;
  if (stop.stopped()) co_return absl::CancelledError("the client is closing");
  co_return Fail(FailCode::kUnavailable,
                 absl::StrCat("cannot reach ", address.ToString(), ": ", dialled.status().message(),
                              "; check the address and the network"));
}

}  // namespace

asio::awaitable<absl::StatusOr<tcp::socket>> Dial(Address address, absl::Duration timeout,
                                                  StopSource& stop, tls::Resolver resolver) {
  absl::StatusOr<tls::Dialled> dialled =
      co_await DialAndMeasure(std::move(address), timeout, stop, std::move(resolver));
  if (!dialled.ok()) co_return dialled.status();
  co_return std::move(dialled->socket);
}

asio::awaitable<absl::StatusOr<absl::Duration>> MeasureRoundTrip(Address address,
                                                                 absl::Duration timeout,
                                                                 StopSource& stop,
                                                                 tls::Resolver resolver) {
  const absl::StatusOr<tls::Dialled> dialled =
      co_await DialAndMeasure(std::move(address), timeout, stop, std::move(resolver));
  if (!dialled.ok()) co_return dialled.status();
  co_return dialled->round_trip;
}

}  // namespace convergia::client
