#include "common/base/net/host_port.h"

#include <gtest/gtest.h>

#include "common/base/testing/status_testing.h"

namespace convergia {
namespace {

TEST(HostPortTest, IsReadAndWritten) {
  const struct {
    const char* text;
    HostPort want;
  } cases[] = {
      {"localhost:64477", {"localhost", 64477}},
      {"10.0.0.5:0", {"10.0.0.5", 0}},
      {"[::1]:65535", {"::1", 65535}},
      {"mgmt.example.org:1", {"mgmt.example.org", 1}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    ASSERT_OK_AND_ASSIGN(const HostPort read, HostPort::Parse(c.text));
    EXPECT_EQ(read, c.want);
    EXPECT_EQ(read.ToString(), c.text);
  }
}

TEST(HostPortTest, RefusesWhatIsNoAddress) {
  for (const char* text : {"", ":", ":80", "host", "host:", "host:65536", "host:-1", "host:8x",
                           "::1:80", "[::1:80", "[]:80", "[::1]80"}) {
    const absl::Status status = HostPort::Parse(text).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument)) << text;
    EXPECT_NE(std::string(status.message()).find(text), std::string::npos) << status;
  }
}

}  // namespace
}  // namespace convergia
