#include "client/transport/connection.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/transport/dial.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/line/rows.h"

namespace convergia::client {
namespace {

const auto kForever = asio::steady_timer::time_point::max();

absl::Status NotConnected() {
  return Fail(FailCode::kUnavailable, "the connection is closed; try again");
}

// The commands whose last field takes the rest of the data, with its LFs. No other field holds one.
constexpr absl::string_view kWordsWithOpenEnd[] = {"APPENDOFFLINEMESSAGE", "REPORTMAINSERVERS",
                                                   "SENDMESSAGE", "SETMETADATA", "WRITEFILE"};

// An LF ends a field, so a field with an LF would arrive as two.
absl::Status CheckFields(absl::string_view word, const std::vector<std::string>& fields) {
  const bool is_open = std::find(std::begin(kWordsWithOpenEnd), std::end(kWordsWithOpenEnd),
                                 word) != std::end(kWordsWithOpenEnd);
  const size_t closed = is_open && !fields.empty() ? fields.size() - 1 : fields.size();
  for (size_t i = 0; i < closed; ++i) {
    if (!absl::StrContains(fields[i], '\n')) continue;
    return Fail(FailCode::kBadField,
                absl::StrCat("\"", fields[i], "\" cannot contain a line break; nothing was sent"));
  }
  return absl::OkStatus();
}

asio::awaitable<void> Await(asio::steady_timer& timer) {
  asio::error_code error;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
}

}  // namespace

Connection::Connection(asio::any_io_executor executor, asio::ip::tcp::socket socket,
                       const tls::TlsContext& context, Options options, OnPush on_push,
                       OnClosed on_closed)
    : executor_(std::move(executor)),
      options_(options),
      on_push_(std::move(on_push)),
      on_closed_(std::move(on_closed)),
      stream_(std::move(socket), context),
      framer_(limits::kServerPacketBytesMax),
      outbox_filled_(executor_, kForever),
      resumed_(executor_, kForever),
      ping_timer_(executor_),
      ended_(executor_, kForever) {}

Connection::~Connection() = default;

asio::awaitable<absl::StatusOr<std::shared_ptr<Connection>>> Connection::Open(
    Address address, const tls::TlsContext& context, Options options, Verify verify,
    StopSource& stop, OnPush on_push, OnClosed on_closed) {
  absl::StatusOr<asio::ip::tcp::socket> socket = co_await Dial(address, options.dial_timeout, stop);
  if (!socket.ok()) co_return socket.status();
  std::shared_ptr<Connection> connection(new Connection(co_await asio::this_coro::executor,
                                                        *std::move(socket), context, options,
                                                        std::move(on_push), std::move(on_closed)));
  if (absl::Status status = co_await connection->ShakeHands(verify, stop); !status.ok()) {
    connection->Close();
    co_return status;
  }
  connection->Start();
  co_return connection;
}

asio::awaitable<absl::Status> Connection::ShakeHands(const Verify& verify, StopSource& stop) {
  absl::Status status;
  {
    const Watchdog watchdog(executor_, stop, options_.handshake_timeout,
                            [this] { stream_.Close(); });
    status = co_await stream_.Handshake();
    if (watchdog.fired()) {
      status = stop.stopped()
                   ? absl::CancelledError("the client is closing")
                   : Fail(FailCode::kUnavailable, "the server does not answer the TLS handshake");
    }
  }
  if (!status.ok()) {
    co_return Fail(FailCode::kUnavailable, absl::StrCat("no TLS connection: ", status.message()));
  }
  co_return verify(stream_);
}

void Connection::Start() {
  asio::co_spawn(executor_, ReadLoop(shared_from_this()), asio::detached);
  asio::co_spawn(executor_, WriteLoop(shared_from_this()), asio::detached);
  asio::co_spawn(executor_, PingLoop(shared_from_this()), asio::detached);
}

asio::awaitable<void> Connection::ReadLoop(std::shared_ptr<Connection> self) {
  absl::Status status;
  while (status.ok() && !self->closed_) {
    if (self->paused_) {
      co_await Await(self->resumed_);
      continue;
    }
    const absl::StatusOr<size_t> count = self->stream_.TryRead(absl::MakeSpan(self->read_buffer_));
    if (!count.ok()) {
      status = count.status();
    } else if (*count == 0) {
      status = co_await self->stream_.WaitReadable();
    } else {
      status = self->TakeBytes(absl::MakeSpan(self->read_buffer_).first(*count));
    }
  }
  self->End(status);
}

absl::Status Connection::TakeBytes(absl::Span<char> bytes) {
  bytes_taken_ += bytes.size();
  absl::string_view packet;
  while (!closed_) {
    switch (framer_.Pull(&bytes, &packet)) {
      case line::Framer::Next::kNeedMore:
        return absl::OkStatus();
      case line::Framer::Next::kTooLong:
        return Fail(FailCode::kTooLong, "the server sent a larger packet than this client accepts");
      case line::Framer::Next::kPacket:
        CVG_RETURN_IF_ERROR(OnPacket(packet));
        break;
    }
  }
  return absl::OkStatus();
}

absl::Status Connection::OnPacket(absl::string_view packet) {
  CVG_ASSIGN_OR_RETURN(const line::ServerPacket parsed, line::ParseServerPacket(packet));
  if (parsed.kind == line::ServerPacket::Kind::kPush) {
    TakePush(parsed.word, parsed.data);
  } else {
    OnAnswer(parsed);
  }
  return absl::OkStatus();
}

void Connection::OnAnswer(const line::ServerPacket& packet) {
  const bool failed = packet.kind == line::ServerPacket::Kind::kFail;
  if (packet.id.empty()) {  // Every request here has an id, so this is about the connection.
    if (failed) farewell_ = Fail(packet.code, packet.text);
    return;
  }
  Id id = 0;
  if (!absl::SimpleAtoi(packet.id, &id)) return;
  const auto it = waiting_.find(id);
  if (it == waiting_.end()) return;  // Of a PING, or of a request that timed out.
  if (failed) {
    it->second->result =
        Fail(packet.code, options_.reword ? options_.reword(packet.text) : packet.text);
  } else {
    it->second->result = std::string(packet.data);
  }
  it->second->timer.cancel();
}

void Connection::TakePush(absl::string_view word, absl::string_view data) {
  if (word == "PING") {
    Send(absl::StrCat(next_id_++), "PING", {});
    return;
  }
  if (word == "INFO") info_ = std::string(data);
  if (word == "BYE") {
    const size_t newline = data.find('\n');
    const FailCode code =
        FailCodeFromWord(data.substr(0, newline)).value_or(FailCode::kUnavailable);
    farewell_ = Fail(code, newline == absl::string_view::npos ? "" : data.substr(newline + 1));
  }
  if (on_push_) on_push_(word, data);
}

asio::awaitable<absl::StatusOr<std::string>> Connection::Request(std::string word,
                                                                 std::vector<std::string> fields) {
  CVG_CO_RETURN_IF_ERROR(CheckFields(word, fields));
  if (closed_) co_return NotConnected();
  if (waiting_.size() >= options_.requests_max || outbox_.size() >= options_.outbox_bytes_max) {
    co_return Fail(FailCode::kBusy, "too many requests are waiting for answers; try again later");
  }
  const auto self = shared_from_this();
  const Id id = next_id_++;
  const auto waiter = std::make_shared<Waiter>(executor_);
  waiting_.emplace(id, waiter);
  Send(absl::StrCat(id), word, fields);
  waiter->timer.expires_after(absl::ToChronoNanoseconds(options_.request_timeout));
  co_await Await(waiter->timer);
  waiting_.erase(id);
  if (waiter->result.has_value()) co_return *std::move(waiter->result);
  co_return Fail(
      FailCode::kUnconfirmed,
      absl::StrCat("no answer to ", word, " in ", absl::FormatDuration(options_.request_timeout),
                   "; it may or may not have been done"));
}

void Connection::Send(absl::string_view id, absl::string_view word,
                      const std::vector<std::string>& fields) {
  const std::vector<absl::string_view> views(fields.begin(), fields.end());
  line::AppendRequest(id, word, views, &outbox_);
  outbox_filled_.cancel();
}

asio::awaitable<void> Connection::WriteLoop(std::shared_ptr<Connection> self) {
  std::string writing;
  while (!self->closed_) {
    if (self->outbox_.empty()) {
      co_await Await(self->outbox_filled_);
      continue;
    }
    writing.clear();
    writing.swap(self->outbox_);  // Everything that waits, in one write.
    const absl::Status status = co_await self->WriteAll(writing);
    // The server's last packets must still be read, so the read loop ends the connection.
    if (!status.ok()) co_return;
  }
}

asio::awaitable<absl::Status> Connection::WriteAll(absl::string_view bytes) {
  while (!bytes.empty()) {
    if (closed_) co_return NotConnected();
    const absl::StatusOr<size_t> count = stream_.TryWrite(bytes);
    if (!count.ok()) co_return count.status();
    bytes.remove_prefix(*count);
    if (*count == 0) CVG_CO_RETURN_IF_ERROR(co_await stream_.WaitWritable());
  }
  co_return absl::OkStatus();
}

// Detects a server that vanished without closing: it stays silent after a PING.
asio::awaitable<void> Connection::PingLoop(std::shared_ptr<Connection> self) {
  while (!self->closed_) {
    const uint64_t before = self->bytes_taken_;
    self->ping_timer_.expires_after(absl::ToChronoNanoseconds(self->options_.ping_after));
    co_await Await(self->ping_timer_);
    if (self->closed_ || self->paused_ || self->bytes_taken_ != before) continue;
    self->Send(absl::StrCat(self->next_id_++), "PING", {});
    self->ping_timer_.expires_after(absl::ToChronoNanoseconds(self->options_.ping_timeout));
    co_await Await(self->ping_timer_);
    if (self->closed_ || self->paused_ || self->bytes_taken_ != before) continue;
    self->End(Fail(FailCode::kUnavailable, "the server no longer answers"));
  }
}

asio::awaitable<void> Connection::Quit(absl::Duration timeout) {
  if (closed_) co_return;
  const auto self = shared_from_this();
  on_closed_ = nullptr;
  Send(absl::StrCat(next_id_++), "QUIT", {});
  ended_.expires_after(absl::ToChronoNanoseconds(timeout));
  co_await Await(ended_);
  Close();
}

void Connection::set_paused(bool paused) {
  paused_ = paused;
  if (!paused) resumed_.cancel();
}

void Connection::Close() {
  on_closed_ = nullptr;
  on_push_ = nullptr;
  End(absl::CancelledError("closed"));
}

void Connection::End(const absl::Status& why) {
  if (closed_) return;
  closed_ = true;
  stream_.Close();
  outbox_filled_.cancel();
  resumed_.cancel();
  ping_timer_.cancel();
  ended_.cancel();
  const absl::Status reason =
      !farewell_.ok() ? farewell_
                      : Fail(FailCode::kUnavailable,
                             absl::StrCat("the connection to the server ended: ", why.message()));
  for (auto& [id, waiter] : waiting_) {
    if (waiter->result.has_value()) continue;
    waiter->result = Fail(FailCode::kUnconfirmed,
                          absl::StrCat("the connection ended before the answer came (",
                                       reason.message(), "); it may or may not have been done"));
    waiter->timer.cancel();
  }
  if (on_closed_) std::exchange(on_closed_, nullptr)(reason);
}

std::string Connection::Info(absl::string_view key) const {
  return std::string(line::ValueInRows(info_, key));
}

}  // namespace convergia::client
