#include "client/transport/address.h"

#include <gtest/gtest.h>

#include "absl/status/statusor.h"
#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"

namespace convergia::client {
namespace {

TEST(AddressTest, GoodAddressesAreRead) {
  const struct {
    const char* text;
    Address address;
  } kCases[] = {
      {"chat.example.org", {"chat.example.org", 64475}}, {"localhost:1", {"localhost", 1}},
      {"127.0.0.1:65535", {"127.0.0.1", 65535}},         {"[::1]", {"::1", 64475}},
      {"[fe80::1%eth0]:7", {"fe80::1%eth0", 7}},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.text);
    ASSERT_OK_AND_ASSIGN(const Address address, Address::Parse(c.text));
    EXPECT_EQ(address, c.address);
    ASSERT_OK_AND_ASSIGN(const Address again, Address::Parse(address.ToString()));
    EXPECT_EQ(again, address);
  }
}

TEST(AddressTest, BadAddressesAreRefused) {
  for (const char* text : {"", ":1", "host:", "host:0", "host:65536", "host:x", "::1", "::1:64475",
                           "[::1", "[::1]x", "[]:1", "ho st:1", "host\n:1", "host:-1"}) {
    const absl::StatusOr<Address> address = Address::Parse(text);
    ASSERT_FALSE(address.ok()) << text;
    EXPECT_EQ(FailCodeOf(address.status()), FailCode::kBadField);
  }
}

}  // namespace
}  // namespace convergia::client
