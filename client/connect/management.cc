#include "client/connect/management.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"
#include "common/line/rows.h"

namespace convergia::client {
namespace {

absl::Status Unreadable(absl::string_view word) {
  return Fail(FailCode::kBadPacket,
              absl::StrCat("the answer to ", word,
                           " cannot be parsed; this client may be older than the server"));
}

// Rows of name, address, pin; more columns may follow.
absl::StatusOr<std::vector<MainServer>> ReadMainServers(absl::string_view word,
                                                        absl::string_view data) {
  std::vector<MainServer> servers;
  for (const auto& row : line::ParseRows(data)) {
    if (row.size() < 3 || row[0].empty()) return Unreadable(word);
    servers.push_back({std::string(row[0]), std::string(row[1]), std::string(row[2])});
  }
  return servers;
}

}  // namespace

asio::awaitable<absl::StatusOr<SignedIn>> SignIn(Connection& connection, std::string user,
                                                 std::string secret) {
  CVG_CO_ASSIGN_OR_RETURN(
      const std::string data,
      co_await connection.Request("LOGIN", FieldsOf(std::move(user), std::move(secret))));
  SignedIn signed_in;
  int64_t expires_ms = 0;
  if (!absl::SimpleAtoi(line::ValueInRows(data, "expires"), &expires_ms)) {
    co_return Unreadable("LOGIN");
  }
  signed_in.expires = absl::FromUnixMillis(expires_ms);
  signed_in.ticket = std::string(line::ValueInRows(data, "ticket"));
  signed_in.session = std::string(line::ValueInRows(data, "session"));
  if (signed_in.ticket.empty()) co_return Unreadable("LOGIN");
  co_return signed_in;
}

asio::awaitable<absl::StatusOr<std::vector<MainServer>>> ListMainServers(Connection& management) {
  CVG_CO_ASSIGN_OR_RETURN(const std::string data,
                          co_await management.Request("LISTMAINSERVERS", FieldsOf()));
  co_return ReadMainServers("LISTMAINSERVERS", data);
}

asio::awaitable<absl::StatusOr<std::vector<MainServer>>> ReportMainServers(
    Connection& management, const std::vector<Measure>& measures) {
  line::RowWriter rows;
  for (const Measure& measure : measures) {
    rows.Add({measure.name, measure.round_trip
                                ? absl::StrCat(absl::ToInt64Microseconds(*measure.round_trip))
                                : std::string("unreachable")});
  }
  CVG_CO_ASSIGN_OR_RETURN(const std::string data,
                          co_await management.Request("REPORTMAINSERVERS", FieldsOf(rows.data())));
  co_return ReadMainServers("REPORTMAINSERVERS", data);
}

asio::awaitable<absl::StatusOr<bool>> CheckKey(Connection& management, std::string name,
                                               std::string pin) {
  const absl::StatusOr<std::string> answer =
      co_await management.Request("CHECKKEY", FieldsOf(std::move(name), std::move(pin)));
  if (answer.ok()) co_return true;
  if (FailCodeOf(answer.status()) == FailCode::kDenied) co_return false;
  co_return answer.status();
}

}  // namespace convergia::client
