#include "common/tls/dial.h"

#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"

namespace convergia::tls {
namespace {

using asio::ip::tcp;

absl::Duration Now() { return RealClock::Get().Elapsed(); }

}  // namespace

void ResolveBySystem(const asio::any_io_executor& executor, const HostPort& where,
                     ResolveDone done) {
  const auto resolver = std::make_shared<tcp::resolver>(executor);
  resolver->async_resolve(
      where.host, absl::StrCat(where.port),
      [resolver, done = std::move(done)](const asio::error_code& error,
                                         const tcp::resolver::results_type& results) {
        std::vector<tcp::endpoint> endpoints;
        for (const auto& entry : results) endpoints.push_back(entry.endpoint());
        done(error, std::move(endpoints));
      });
}

DialRace::DialRace(const asio::any_io_executor& executor, absl::Duration timeout)
    : executor_(executor),
      timeout_(timeout),
      race_(Now() + timeout),
      timer_(executor),
      over_(executor, asio::steady_timer::time_point::max()) {}

void DialRace::Start(const HostPort& where, const Resolver& resolver) {
  SetTimer();
  resolver(executor_, where,
           [self = shared_from_this()](const asio::error_code& error,
                                       std::vector<tcp::endpoint> endpoints) {
             self->OnResolved(error, std::move(endpoints));
           });
}

asio::awaitable<void> DialRace::AwaitEnd() {
  if (race_.is_over()) co_return;
  asio::error_code cancelled;
  co_await over_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
}

absl::StatusOr<Dialled> DialRace::TakeOutcome() {
  switch (race_.state()) {
    case AddressRace::State::kWon:
      return *std::exchange(won_, std::nullopt);
    case AddressRace::State::kCancelled:
      return absl::CancelledError("given up");
    case AddressRace::State::kRunning:
    case AddressRace::State::kTimedOut:
      return absl::DeadlineExceededError(
          absl::StrCat("no answer in ", absl::FormatDuration(timeout_)));
    case AddressRace::State::kLost:
      break;
  }
  return absl::UnavailableError(error_ ? error_.message() : "the name stands for no address");
}

void DialRace::OnResolved(const asio::error_code& error, std::vector<tcp::endpoint> endpoints) {
  if (race_.is_over()) return;
  error_ = error;
  endpoints_ = std::move(endpoints);
  attempts_.resize(endpoints_.size());
  std::vector<AddressRace::Family> families;
  for (const tcp::endpoint& endpoint : endpoints_) {
    families.push_back(endpoint.address().is_v6() ? AddressRace::Family::kIpv6
                                                  : AddressRace::Family::kIpv4);
  }
  Do(race_.OnResolved(families, Now()));
}

void DialRace::Connect(size_t index) {
  Attempt& attempt = attempts_[index];
  attempt.socket.emplace(executor_);
  attempt.begun = Now();
  attempt.socket->async_connect(endpoints_[index],
                                [self = shared_from_this(), index](const asio::error_code& error) {
                                  self->OnConnectDone(index, error);
                                });
}

void DialRace::OnConnectDone(size_t index, const asio::error_code& error) {
  if (race_.is_over()) return;
  Attempt& attempt = attempts_[index];
  if (error) {
    error_ = error;
    attempt.socket.reset();
    return Do(race_.OnFailed(index, Now()));
  }
  won_ = Dialled{*std::exchange(attempt.socket, std::nullopt), Now() - attempt.begun};
  Do(race_.OnConnected(index));
}

void DialRace::Do(const AddressRace::Step& step) {
  for (const size_t index : step.cancel) attempts_[index].socket.reset();
  if (step.start.has_value()) Connect(*step.start);
  if (!race_.is_over()) return SetTimer();
  timer_.cancel();
  over_.cancel();
}

void DialRace::SetTimer() {
  timer_.expires_after(absl::ToChronoNanoseconds(race_.next_timer() - Now()));
  timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
    if (!error) self->Do(self->race_.OnTimer(Now()));
  });
}

asio::awaitable<absl::StatusOr<tcp::socket>> Dial(HostPort where, absl::Duration timeout,
                                                  Resolver resolver) {
  const auto race = std::make_shared<DialRace>(co_await asio::this_coro::executor, timeout);
  race->Start(where, resolver);
  co_await race->AwaitEnd();
  absl::StatusOr<Dialled> dialled = race->TakeOutcome();
  if (!dialled.ok()) co_return dialled.status();
  co_return std::move(dialled->socket);
}

}  // namespace convergia::tls
