#include "client/commands/stored.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/string_view.h"
#include "client/files/transfer.h"
#include "common/base/fail.h"

namespace convergia::client {
namespace {

TEST(LastNameTest, IsWhatComesAfterTheLastSlash) {
  EXPECT_EQ(LastName("/a/b"), "b");
  EXPECT_EQ(LastName("/a/b/"), "b");
  EXPECT_EQ(LastName("b"), "b");
  EXPECT_EQ(LastName("/"), "");
}

TEST(AboutTest, APartOfAWordOrPathDoesNotNameIt) {
  const auto text_of = [](absl::string_view name, absl::string_view text) {
    return std::string(About(name, Fail(FailCode::kNotFound, text)).message());
  };
  EXPECT_EQ(text_of("e", "there is no key"), "e: there is no key");
  EXPECT_EQ(text_of("/r", "/r/x is a file"), "/r: /r/x is a file");
  EXPECT_EQ(text_of("x", "/r/x is a file"), "x: /r/x is a file");
  EXPECT_EQ(text_of("/r", "/r.txt is a file"), "/r: /r.txt is a file");
  for (const char* const text :
       {"/r is a file", "cannot read /r: gone", "see /r.", "\"/r\" is", "/r/x and /r"}) {
    EXPECT_EQ(text_of("/r", text), text);
  }
}

}  // namespace
}  // namespace convergia::client
