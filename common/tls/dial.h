#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/net/address_race.h"
#include "common/base/net/host_port.h"

// TCP connections to names: what carries out an AddressRace.
namespace convergia::tls {

// A Resolver finds the endpoints of a name, in the order of preference. It calls `done` once, on
// `executor`, and not before it has returned.
using ResolveDone =
    std::function<void(const asio::error_code& error, std::vector<asio::ip::tcp::endpoint>)>;
using Resolver = std::function<void(const asio::any_io_executor& executor, const HostPort& where,
                                    ResolveDone done)>;

// As this machine resolves names.
void ResolveBySystem(const asio::any_io_executor& executor, const HostPort& where,
                     ResolveDone done);

struct Dialled {
  asio::ip::tcp::socket socket;
  absl::Duration round_trip;  // How long this connection took, without the resolver.
};

// The sockets and the timer of one AddressRace. Whatever is under way holds it, so its user may go
// earlier, after Cancel(). Not thread-safe: all on one thread or strand.
class DialRace : public std::enable_shared_from_this<DialRace> {
 public:
  // `timeout` bounds all of it, also a resolver that does not answer.
  DialRace(const asio::any_io_executor& executor, absl::Duration timeout);

  void Start(const HostPort& where, const Resolver& resolver);
  // Idempotent; after the end, too.
  void Cancel() { Do(race_.Cancel()); }
  asio::awaitable<void> AwaitEnd();

  // After the end.
  //
  // Errors: kCancelled; kDeadlineExceeded; kUnavailable, with the system's reason.
  absl::StatusOr<Dialled> TakeOutcome();

 private:
  struct Attempt {
    std::optional<asio::ip::tcp::socket> socket;  // While under way.
    absl::Duration begun;
  };

  void OnResolved(const asio::error_code& error, std::vector<asio::ip::tcp::endpoint> endpoints);
  void Connect(size_t index);
  void OnConnectDone(size_t index, const asio::error_code& error);
  void Do(const AddressRace::Step& step);
  void SetTimer();

  const asio::any_io_executor executor_;
  const absl::Duration timeout_;
  AddressRace race_;
  asio::steady_timer timer_;
  asio::steady_timer over_;  // Never expires; is cancelled at the end.
  asio::error_code error_;   // The last one.
  std::vector<asio::ip::tcp::endpoint> endpoints_;
  std::vector<Attempt> attempts_;
  std::optional<Dialled> won_;
};

// All of it, where nobody cancels. Errors: those of TakeOutcome().
asio::awaitable<absl::StatusOr<asio::ip::tcp::socket>> Dial(HostPort where, absl::Duration timeout,
                                                            Resolver resolver = ResolveBySystem);

}  // namespace convergia::tls
