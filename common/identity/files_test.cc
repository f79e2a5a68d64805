#include "common/identity/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/random.h"
#include "common/base/testing/status_testing.h"

namespace convergia::identity {
namespace {

class FilesTest : public testing::Test {
 protected:
  FilesTest() { std::filesystem::create_directories(folder_); }
  ~FilesTest() override { std::filesystem::remove_all(folder_); }

  const std::string folder_ = absl::StrCat(testing::TempDir(), "/files", SecureRandomHex(8));
  const std::string path_ = folder_ + "/key.pem";
};

TEST_F(FilesTest, ReplacesAFileAndLeavesNothingElse) {
  ASSERT_OK(WriteFileAtomically(path_, "one", kSecretFileMode));
  ASSERT_OK(WriteFileAtomically(path_, std::string("t\0wo", 4), kSecretFileMode));
  EXPECT_EQ(ReadFileToString(path_).value(), std::string("t\0wo", 4));
  struct stat facts;
  ASSERT_EQ(stat(path_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600);
  int entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_)) ++entries;
  EXPECT_EQ(entries, 1);
}

TEST_F(FilesTest, SaysWhichFileIsMissingOrCannotBeWritten) {
  const auto missing = ReadFileToString(path_);
  EXPECT_THAT(missing, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(std::string(missing.status().message()), testing::HasSubstr(path_));
  EXPECT_FALSE(WriteFileAtomically(folder_ + "/none/key.pem", "x", kSecretFileMode).ok());
  EXPECT_FALSE(WriteFileAtomically(folder_, "x", kSecretFileMode).ok());
}

TEST_F(FilesTest, RefusesToReadMoreThanAMebibyte) {
  ASSERT_OK(WriteFileAtomically(path_, std::string(1024 * 1024 + 1, 'x'), kPublicFileMode));
  EXPECT_THAT(ReadFileToString(path_), StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace convergia::identity
