#include "client/connect/client.h"

#include <array>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/connect/client_core.h"
#include "client/transport/dial.h"
#include "common/base/fail.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"
#include "common/line/packet.h"
#include "common/tls/verify.h"

namespace convergia::client {
namespace {

const auto kForever = asio::steady_timer::time_point::max();

// Bounds during a move: messages held back, digests against repeats, and their time.
constexpr size_t kHeldBytesMax = 4 * 1024 * 1024;
constexpr size_t kMoveMessagesMax = 10'000;
constexpr auto kMoveIsPastAfter = std::chrono::seconds(30);

// After a connection that lasted at least this long, the back-off starts again.
constexpr absl::Duration kSettledAfter = absl::Seconds(10);

asio::awaitable<void> Await(asio::steady_timer& timer) {
  asio::error_code error;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
}

}  // namespace

Client::Core::Core(asio::io_context& io, ClientOptions options, ClientObserver* observer)
    : io_(io),
      options_(std::move(options)),
      observer_(observer),
      context_(tls::TlsContext::Client()),
      plan_(options_.plan, options_.memory),
      backoff_(options_.retry_first, options_.retry_max, RandomSeed()),
      at_both_(io),
      move_filter_(kMoveMessagesMax),
      move_is_past_(io),
      changed_(io, kForever),
      probes_timer_(io) {
  plan_.set_has_password(!options_.password.empty());
  plan_.set_has_ticket(!options_.ticket.empty());
}

void Client::Core::Spawn(asio::awaitable<void> work) {
  ++running_;
  asio::co_spawn(io_, RunCounted(shared_from_this(), std::move(work)), asio::detached);
}

asio::awaitable<void> Client::Core::RunCounted(std::shared_ptr<Core> self,
                                               asio::awaitable<void> work) {
  co_await std::move(work);
  --self->running_;
  self->WakeWaiters();
}

void Client::Core::WakeWaiters() { changed_.cancel(); }

void Client::Core::Start() {
  if (stop_.stopped() || (started_ && gave_up_.ok())) return;
  started_ = true;
  gave_up_ = absl::OkStatus();
  Do(plan_.Begin());
}

void Client::Core::set_password(std::string password) {
  options_.password = std::move(password);
  plan_.set_has_password(!options_.password.empty());
}

void Client::Core::Do(StartPlan::Actions actions) {
  if (stop_.stopped()) return;
  for (const StartPlan::Action& action : actions) {
    std::visit([this](const auto& one) { Run(one); }, action);
  }
}

void Client::Core::Run(const StartPlan::SignInAtManagement& action) {
  Spawn(SignInAtManagement(action.secret));
}
void Client::Core::Run(const StartPlan::ListMainServers&) { Spawn(List()); }
void Client::Core::Run(const StartPlan::Probe& action) { Spawn(Probe(action.server)); }
void Client::Core::Run(const StartPlan::Report& action) {
  probes_timer_.cancel();
  Spawn(Report(action.measures));
}
void Client::Core::Run(const StartPlan::Connect& action) { Spawn(Connect(action.server)); }
void Client::Core::Run(const StartPlan::CheckKey& action) {
  Spawn(CheckKeyAtManagement(action.name, action.pin));
}
void Client::Core::Run(const StartPlan::Wait&) { Spawn(Wait()); }

void Client::Core::Run(const StartPlan::LeaveManagement&) {
  if (management_ == nullptr) return;
  std::exchange(management_, nullptr)->Close();
}

void Client::Core::Run(const StartPlan::GiveUp& action) {
  gave_up_ = action.status;
  observer_->OnGaveUp(action.status);
  WakeWaiters();
}

asio::awaitable<absl::StatusOr<std::shared_ptr<Connection>>> Client::Core::OpenManagement() {
  const auto verify = [this](const tls::TlsStream& stream) -> absl::Status {
    const auto facts = tls::VerifyPeer(stream, options_.ca_pem, options_.clock->Now());
    if (facts.ok() && facts->identity.role == Role::kMgmt) return absl::OkStatus();
    return Fail(
        FailCode::kDenied,
        absl::StrCat(
            options_.management.ToString(), " is not the management server this client trusts: ",
            facts.ok() ? absl::StrCat("it is a node of the role ", RoleWord(facts->identity.role))
                       : std::string(facts.status().message())));
  };
  co_return co_await Connection::Open(options_.management, *context_, options_.connection, verify,
                                      stop_, /*on_push=*/nullptr, /*on_closed=*/nullptr);
}

asio::awaitable<absl::StatusOr<SignedIn>> Client::Core::SignInWith(Connection& connection,
                                                                   StartPlan::Secret secret) {
  const bool by_ticket = secret == StartPlan::Secret::kTicket;
  co_return co_await SignIn(connection, options_.user,
                            by_ticket ? options_.ticket : options_.password);
}

void Client::Core::TakeTicket(const SignedIn& signed_in) {
  plan_.set_has_ticket(true);
  if (signed_in.ticket == options_.ticket) return;
  options_.ticket = signed_in.ticket;
  observer_->OnTicket(signed_in.ticket, signed_in.expires);
}

asio::awaitable<void> Client::Core::SignInAtManagement(StartPlan::Secret secret) {
  auto opened = co_await OpenManagement();
  if (!opened.ok()) {
    if (FailCodeOf(opened.status()) == FailCode::kDenied) distrust_ = opened.status();
    Do(plan_.OnManagementAway(opened.status()));
    WakeWaiters();
    co_return;
  }
  distrust_ = absl::OkStatus();
  management_ = *opened;
  const absl::StatusOr<SignedIn> signed_in = co_await SignInWith(**opened, secret);
  if (!signed_in.ok()) {
    Do(plan_.OnManagementFailed(signed_in.status()));
    co_return;
  }
  TakeTicket(*signed_in);
  Do(plan_.OnManagementUp());
}

asio::awaitable<void> Client::Core::List() {
  const auto management = management_;
  auto servers = co_await ListMainServers(*management);
  if (!servers.ok()) {
    Do(plan_.OnManagementFailed(servers.status()));
    co_return;
  }
  probes_timer_.expires_after(absl::ToChronoNanoseconds(options_.probes_time));
  probes_timer_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
    const auto self = weak.lock();
    if (!error && self != nullptr) self->Do(self->plan_.OnProbeTimeUp());
  });
  Do(plan_.OnListed(*std::move(servers)));
}

asio::awaitable<void> Client::Core::Probe(MainServer server) {
  const absl::StatusOr<Address> address = Address::Parse(server.address);
  std::optional<absl::Duration> round_trip;
  if (address.ok()) {
    const auto measured = co_await MeasureRoundTrip(*address, options_.probe_timeout, stop_);
    if (measured.ok()) round_trip = *measured;
  }
  Do(plan_.OnProbed(server.name, round_trip));
}

asio::awaitable<void> Client::Core::Report(std::vector<Measure> measures) {
  const auto management = management_;
  auto servers = co_await ReportMainServers(*management, measures);
  if (!servers.ok()) {
    Do(plan_.OnManagementFailed(servers.status()));
    co_return;
  }
  StartPlan::Actions actions = plan_.OnAssigned(*std::move(servers));
  observer_->OnMemory(plan_.memory());
  Do(std::move(actions));
}

asio::awaitable<void> Client::Core::CheckKeyAtManagement(std::string name, std::string pin) {
  const auto management = management_;
  const auto valid = co_await CheckKey(*management, std::move(name), std::move(pin));
  Do(plan_.OnKeyChecked(valid.ok() && *valid));
}

asio::awaitable<void> Client::Core::Wait() {
  asio::steady_timer timer(io_, absl::ToChronoNanoseconds(backoff_.Next()));
  const StopSource::Handle handle = stop_.Add([&timer] { timer.cancel(); });
  co_await Await(timer);
  stop_.Remove(handle);
  Do(plan_.OnWaited());
}

asio::awaitable<absl::StatusOr<std::shared_ptr<Client::Core::Link>>> Client::Core::OpenLink(
    MainServer server, bool holds, std::string* shown_pin) {
  const absl::StatusOr<Address> address = Address::Parse(server.address);
  if (!address.ok()) co_return address.status();
  const auto link = std::make_shared<Link>();
  link->server = server;
  link->holds = holds;
  const auto verify = [pin = server.pin, shown_pin](const tls::TlsStream& stream) -> absl::Status {
    if (stream.PeerPin() == pin) return absl::OkStatus();
    *shown_pin = stream.PeerPin();
    return Fail(FailCode::kDenied,
                "the main server shows another key than the management server named");
  };
  const auto on_push = [weak_self = weak_from_this(), weak_link = std::weak_ptr<Link>(link)](
                           absl::string_view word, absl::string_view data) {
    const auto self = weak_self.lock();
    const auto link = weak_link.lock();
    if (self != nullptr && link != nullptr) self->OnPush(*link, word, data);
  };
  const auto on_closed = [weak_self = weak_from_this(),
                          weak_link = std::weak_ptr<Link>(link)](const absl::Status& why) {
    const auto self = weak_self.lock();
    const auto link = weak_link.lock();
    if (self != nullptr && link != nullptr) self->OnLinkClosed(*link, why);
  };
  auto opened = co_await Connection::Open(*address, *context_, options_.connection, verify, stop_,
                                          on_push, on_closed);
  if (!opened.ok()) co_return opened.status();
  link->connection = *std::move(opened);
  const auto signed_in = co_await SignInWith(*link->connection, StartPlan::Secret::kTicket);
  if (!signed_in.ok()) {
    const absl::Status farewell = link->connection->farewell();
    link->connection->Close();
    const bool told = FailCodeOf(signed_in.status()) != FailCode::kUnconfirmed || farewell.ok();
    co_return told ? signed_in.status() : farewell;
  }
  co_return link;
}

asio::awaitable<void> Client::Core::Connect(MainServer server) {
  std::string shown_pin;
  auto link = co_await OpenLink(std::move(server), /*holds=*/false, &shown_pin);
  if (link.ok() && stop_.stopped()) (*link)->connection->Close();
  if (link.ok() && (*link)->connection->closed()) {
    link = Fail(FailCode::kUnavailable, "the main server closed the connection at once");
  }
  if (!link.ok()) {
    Do(shown_pin.empty() ? plan_.OnMainServerFailed(link.status()) : plan_.OnKeyDiffers(shown_pin));
    co_return;
  }
  Do(plan_.OnMainServerUp());
  SetUp(*std::move(link));
}

void Client::Core::SetUp(std::shared_ptr<Link> link) {
  link_ = std::move(link);
  link_->connection->set_paused(paused_);
  up_since_ = options_.clock->Elapsed();
  observer_->OnUp(link_->server);
  WakeWaiters();
}

void Client::Core::OnLinkClosed(Link& link, const absl::Status& why) {
  if (next_ != nullptr) at_both_.cancel();
  if (link_.get() != &link) return;  // It is still being opened, or was left on purpose.
  if (next_ != nullptr && !next_->connection->closed()) return;  // The move ends a little early.
  link_.reset();
  // Clients must not storm a server that closes their connections at once.
  if (options_.clock->Elapsed() - up_since_ >= kSettledAfter) backoff_.Reset();
  observer_->OnDown(why);
  Do(plan_.OnMainServerLost(link.server));
}

void Client::Core::OnPush(Link& link, absl::string_view word, absl::string_view data) {
  if (link.holds && link.held_bytes + data.size() > kHeldBytesMax) Release(link);
  if (link.holds) {
    link.held_bytes += data.size();
    link.held.emplace_back(word, data);
    return;
  }
  Deliver(link, word, data);
}

void Client::Core::Deliver(const Link& link, absl::string_view word, absl::string_view data) {
  if (word == "RECEIVEMESSAGE") return DeliverMessage(link, data);
  observer_->OnPush(word, data);
  if (word != "USEMAINSERVER" || link_.get() != &link || moving_) return;
  std::array<absl::string_view, 3> fields;
  if (!line::SplitFields(data, true, absl::MakeSpan(fields))) return;
  moving_ = true;
  Spawn(Move({std::string(fields[0]), std::string(fields[1]), std::string(fields[2])}));
}

void Client::Core::DeliverMessage(const Link& link, absl::string_view data) {
  std::array<absl::string_view, 3> fields;  // from, time, body
  int64_t time_ms = 0;
  if (!line::SplitFields(data, true, absl::MakeSpan(fields)) ||
      !absl::SimpleAtoi(fields[1], &time_ms)) {
    return;
  }
  const bool is_old = moving_ && link_.get() == &link;
  if (is_old) {
    move_filter_.SawOnOld(data);
  } else if (move_filter_.IsRepeat(data)) {
    return;
  }
  observer_->OnMessage(
      {std::string(fields[0]), absl::FromUnixMillis(time_ms), std::string(fields[2])});
}

void Client::Core::Release(Link& link) {
  link.holds = false;
  for (const auto& [word, data] : std::exchange(link.held, {})) Deliver(link, word, data);
}

// During this time requests go to the old server, and messages arrive over either or both.
asio::awaitable<void> Client::Core::StayAtBoth(std::shared_ptr<Link> next) {
  next_ = next;
  at_both_.expires_after(absl::ToChronoNanoseconds(options_.move_grace));
  co_await Await(at_both_);
  next_.reset();
}

// Signs in at `server`, stays at both until all servers know, and only then leaves the old one. So
// no message is lost. A message that arrives over both is delivered once, and messages of the old
// connection come first.
asio::awaitable<void> Client::Core::Move(MainServer server) {
  move_filter_.Clear();
  const auto old = link_;
  std::string shown_pin;
  auto opened = co_await OpenLink(std::move(server), /*holds=*/true, &shown_pin);
  if (!opened.ok() || link_ != old || stop_.stopped()) {
    if (opened.ok()) (*opened)->connection->Close();
    moving_ = false;
    co_return;
  }
  const std::shared_ptr<Link> link = *std::move(opened);
  co_await StayAtBoth(link);
  if (link->connection->closed() &&
      !old->connection->closed()) {  // The client stays at the old server.
    moving_ = false;
    co_return;
  }
  // `link_` remains the old connection while its last messages arrive, but new requests wait.
  old->leaving = true;
  const bool has_ended = stop_.stopped() || old->connection->closed();
  if (!has_ended) co_await old->connection->Quit(options_.move_quit_timeout);
  moving_ = false;
  if (stop_.stopped()) {
    link->connection->Close();
    co_return;
  }
  link_ = link;
  move_is_past_.expires_after(kMoveIsPastAfter);
  move_is_past_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
    const auto self = weak.lock();
    if (!error && self != nullptr) self->move_filter_.Clear();
  });
  Release(*link);
  if (link->connection->closed()) {
    OnLinkClosed(*link, Fail(FailCode::kUnavailable, "the main server closed the connection"));
    co_return;
  }
  SetUp(link);
}

bool Client::Core::IsUp() const {
  return link_ != nullptr && !link_->leaving && !link_->connection->closed();
}

void Client::Core::set_paused(bool paused) {
  paused_ = paused;
  if (link_ != nullptr) link_->connection->set_paused(paused);
}

asio::awaitable<absl::Status> Client::Core::WaitUp(absl::Duration timeout) {
  const Watchdog watchdog(co_await asio::this_coro::executor, stop_, timeout,
                          [this] { WakeWaiters(); });
  while (!IsUp()) {
    if (!gave_up_.ok()) co_return gave_up_;
    if (!distrust_.ok()) co_return distrust_;
    if (stop_.stopped()) co_return absl::CancelledError("the client is closing");
    if (watchdog.fired()) {
      co_return !plan_.last_failure().ok()
          ? plan_.last_failure()
          : Fail(FailCode::kUnavailable, "not connected to a main server yet; try again");
    }
    co_await Await(changed_);
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::StatusOr<std::string>> Client::Core::Request(
    std::string word, std::vector<std::string> fields) {
  CVG_CO_RETURN_IF_ERROR(co_await WaitUp(options_.connection.request_timeout));
  const auto connection = link_->connection;
  co_return co_await connection->Request(std::move(word), std::move(fields));
}

// Signs in by ticket if there is one; if it is refused, by password if there is one.
asio::awaitable<absl::Status> Client::Core::SignInAsAllowed(Connection& management) {
  const bool has_ticket = !options_.ticket.empty();
  absl::StatusOr<SignedIn> signed_in = co_await SignInWith(
      management, has_ticket ? StartPlan::Secret::kTicket : StartPlan::Secret::kPassword);
  if (!signed_in.ok() && has_ticket && !options_.password.empty()) {
    signed_in = co_await SignInWith(management, StartPlan::Secret::kPassword);
  }
  if (signed_in.ok()) TakeTicket(*signed_in);
  co_return signed_in.status();
}

asio::awaitable<absl::StatusOr<std::string>> Client::Core::RequestAtManagement(
    std::string word, std::vector<std::string> fields) {
  CVG_CO_ASSIGN_OR_RETURN(const auto connection, co_await OpenManagement());
  const StopSource::Handle handle = stop_.Add([connection] { connection->Close(); });
  absl::StatusOr<std::string> answer;
  if (absl::Status status = co_await SignInAsAllowed(*connection); !status.ok()) {
    answer = status;
  } else {
    answer = co_await connection->Request(std::move(word), std::move(fields));
  }
  connection->Close();
  stop_.Remove(handle);
  co_return answer;
}

asio::awaitable<absl::StatusOr<std::string>> Client::Core::RequestWithoutSignIn(
    std::string word, std::vector<std::string> fields) {
  CVG_CO_ASSIGN_OR_RETURN(const auto connection, co_await OpenManagement());
  const StopSource::Handle handle = stop_.Add([connection] { connection->Close(); });
  absl::StatusOr<std::string> answer =
      co_await connection->Request(std::move(word), std::move(fields));
  connection->Close();
  stop_.Remove(handle);
  co_return answer;
}

asio::awaitable<void> Client::Core::Close() {
  const auto self = shared_from_this();
  stop_.Stop();
  probes_timer_.cancel();
  move_is_past_.cancel();
  at_both_.cancel();
  Run(StartPlan::LeaveManagement{});
  if (const auto link = std::exchange(link_, nullptr); link != nullptr) {
    co_await link->connection->Quit(options_.quit_timeout);
  }
  WakeWaiters();
  while (running_ > 0) co_await Await(changed_);
}

Client::Client(asio::io_context& io, ClientOptions options, ClientObserver* observer)
    : core_(std::make_shared<Core>(io, std::move(options), observer)) {}
Client::~Client() = default;

void Client::Start() { core_->Start(); }
void Client::set_password(std::string password) { core_->set_password(std::move(password)); }
void Client::set_paused(bool paused) { core_->set_paused(paused); }
asio::awaitable<absl::Status> Client::WaitUp(absl::Duration timeout) {
  return core_->WaitUp(timeout);
}

asio::awaitable<absl::StatusOr<int>> Client::SendMessage(std::string to, std::string body) {
  CVG_CO_ASSIGN_OR_RETURN(
      const std::string answer,
      co_await core_->Request("SENDMESSAGE", FieldsOf(std::move(to), std::move(body))));
  int sessions = 0;
  if (!absl::SimpleAtoi(answer, &sessions)) {
    co_return Fail(FailCode::kBadPacket, "the answer to SENDMESSAGE is not a number");
  }
  co_return sessions;
}

asio::awaitable<absl::StatusOr<std::string>> Client::Request(std::string word,
                                                             std::vector<std::string> fields) {
  return core_->Request(std::move(word), std::move(fields));
}
asio::awaitable<absl::StatusOr<std::string>> Client::RequestAtManagement(
    std::string word, std::vector<std::string> fields) {
  return core_->RequestAtManagement(std::move(word), std::move(fields));
}
asio::awaitable<absl::StatusOr<std::string>> Client::RequestWithoutSignIn(
    std::string word, std::vector<std::string> fields) {
  return core_->RequestWithoutSignIn(std::move(word), std::move(fields));
}
asio::awaitable<void> Client::Close() { return core_->Close(); }

}  // namespace convergia::client
