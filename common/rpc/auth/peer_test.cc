#include "common/rpc/auth/peer.h"

#include <gtest/gtest.h>

#include "common/rpc/calls/status.h"

namespace convergia::rpc {
namespace {

TEST(WithPlainAddressesTest, ShowsAddressesAsPeopleWriteThem) {
  const struct {
    absl::string_view grpc;
    absl::string_view plain;
  } kRows[] = {
      {"ipv4:10.0.0.5:51604", "10.0.0.5:51604"},
      {"ipv6:%5B::1%5D:51604", "[::1]:51604"},
      {"ipv6:%5b2001:db8::7%5d:80", "[2001:db8::7]:80"},
      {"ipv6:[::1]:51604", "[::1]:51604"},
      {"ipv6:%5Bfe80::1%25eth0%5D:80", "[fe80::1%eth0]:80"},
      {"failed to connect to all addresses; last error: UNKNOWN: ipv6:%5B::1%5D:7: Connection "
       "refused, ipv4:127.0.0.1:8: No route",
       "failed to connect to all addresses; last error: UNKNOWN: [::1]:7: Connection refused, "
       "127.0.0.1:8: No route"},
      {"unix:/tmp/socket", "unix:/tmp/socket"},
      {"inproc", "inproc"},
      {"", ""},
      // Other texts stay as they are.
      {"ipv6:", "ipv6:"},
      {"ipv6:%5B::1", "ipv6:%5B::1"},
      {"ipv6:%5B no %5D", "ipv6:%5B no %5D"},
      {"ipv6:%5", "ipv6:%5"},
      {"ipv4:", "ipv4:"},
      {"the words ipv4: and ipv6: alone", "the words ipv4: and ipv6: alone"},
      {"50%5Bx", "50%5Bx"},
      {"aipv4:1.2.3.4:5", "aipv4:1.2.3.4:5"},
  };
  for (const auto& row : kRows) EXPECT_EQ(WithPlainAddresses(row.grpc), row.plain);
}

TEST(WithPlainAddressesTest, ErrorsOfCallsHaveThemToo) {
  const grpc::Status failed(grpc::StatusCode::UNAVAILABLE, "ipv6:%5B::1%5D:7: gone");
  EXPECT_EQ(FromGrpcStatus(failed).message(), "[::1]:7: gone");
}

}  // namespace
}  // namespace convergia::rpc
