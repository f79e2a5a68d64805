// Tests the model itself, and the classes that judge answers by it.
#include "tests/model/core/model.h"

#include <gtest/gtest.h>

#include "tests/model/core/possibilities.h"
#include "tests/model/core/shared_file.h"

namespace convergia::testing {
namespace {

Model::Rules RulesOfTwo() {
  return {.users = {"ann", "bob", "root"},
          .root_admin = "root",
          .mail = {.drafts_max = 2, .messages_max = 2, .message_bytes_max = 10}};
}

class ModelTest : public ::testing::Test {
 protected:
  std::string Do(const std::string& user, const Command& command, const Answer& seen = {}) {
    const Answer answer = model_.Do(user, command, &seen);
    return answer.data.empty() ? answer.code : answer.code + " " + answer.data;
  }
  Model model_{RulesOfTwo()};
};

TEST_F(ModelTest, FilesAreWrittenReadCutAndDeleted) {
  EXPECT_EQ(Do("ann", {"CREATEFILE", {"/f"}}), "DENIED");
  EXPECT_EQ(Do("ann", {"CREATEFILE", {"/a/f"}}), "NOTFOUND");
  EXPECT_EQ(Do("ann", {"CREATEFOLDER", {"/a"}}), "OK");
  EXPECT_EQ(Do("ann", {"CREATEFILE", {"/a/f"}}), "OK");
  EXPECT_EQ(Do("ann", {"CREATEFILE", {"/a/f"}}), "EXISTS");
  EXPECT_EQ(Do("ann", {"WRITEFILE", {"/a/f", "0", "hello\nyou"}}), "OK 9");
  EXPECT_EQ(Do("ann", {"WRITEFILE", {"/a/f", "10", "x"}}), "BADFIELD");
  EXPECT_EQ(Do("ann", {"WRITEFILE", {"/a/f", "4", "--"}}), "OK 9");
  EXPECT_EQ(Do("ann", {"READFILE", {"/a/f", "1", "100"}}), "OK ell--you");
  EXPECT_EQ(Do("ann", {"TRUNCATEFILE", {"/a/f", "2"}}), "OK");
  EXPECT_EQ(Do("ann", {"READFILE", {"/a/f", "3", "1"}}), "BADFIELD");
  EXPECT_EQ(Do("ann", {"LISTFOLDER", {"/a"}}), "OK f\tfile\t2");
  EXPECT_EQ(Do("ann", {"LISTFOLDER", {"/a/f"}}), "NOTAFOLDER");
  EXPECT_EQ(Do("ann", {"DELETEFOLDER", {"/a"}}), "NOTEMPTY");
  EXPECT_EQ(Do("ann", {"DELETEFOLDER", {"/a", "recursive"}}), "OK");
  EXPECT_EQ(Do("ann", {"READFILE", {"/a/f", "0", "1"}}), "NOTFOUND");
}

TEST_F(ModelTest, AFileTakesThePlaceOfAnother) {
  Do("ann", {"CREATEFOLDER", {"/a"}});
  EXPECT_EQ(Do("ann", {"CREATEFILE", {"/a/p", "part"}}), "OK");
  Do("ann", {"WRITEFILE", {"/a/p", "0", "new"}});
  EXPECT_EQ(Do("ann", {"LISTFOLDER", {"/a"}}), "OK p\tpart\t3");
  Do("ann", {"CREATEFILE", {"/a/f"}});
  EXPECT_EQ(Do("ann", {"MOVE", {"/a/p", "/a/f"}}), "EXISTS");
  EXPECT_EQ(Do("ann", {"MOVE", {"/a/p", "/a", "replace"}}), "NOTAFILE");
  EXPECT_EQ(Do("ann", {"MOVE", {"/a", "/a/f", "replace"}}), "NOTAFILE");
  EXPECT_EQ(Do("ann", {"MOVE", {"/a/p", "/a/f", "replace"}}), "OK");
  EXPECT_EQ(Do("ann", {"MOVE", {"/a/f", "/a/f", "replace"}}), "OK");
  EXPECT_EQ(Do("ann", {"LISTFOLDER", {"/a"}}), "OK f\tfile\t3");
  EXPECT_EQ(Do("ann", {"READFILE", {"/a/f", "0", "9", "18446744073709551615"}}), "NOTFOUND");
  EXPECT_EQ(Do("ann", {"DELETEFOLDER", {"/a"}}), "NOTEMPTY");
  Do("ann", {"DELETEFILE", {"/a/f"}});
  Do("ann", {"CREATEFILE", {"/a/p", "part"}});
  EXPECT_EQ(Do("ann", {"DELETEFOLDER", {"/a"}}), "OK") << "parts do not count";
}

TEST_F(ModelTest, WhoMayNotReadLearnsNothing) {
  Do("ann", {"CREATEFOLDER", {"/a"}});
  Do("ann", {"CREATEFILE", {"/a/f"}});
  EXPECT_EQ(Do("bob", {"READFILE", {"/a/f", "0", "1"}}), "DENIED");
  EXPECT_EQ(Do("bob", {"READFILE", {"/a/nothing", "0", "1"}}), "DENIED");
  EXPECT_EQ(Do("ann", {"SETPERMISSIONS", {"/a", "ann", "read"}}), "DENIED") << "the last admin";
  EXPECT_EQ(Do("ann", {"SETPERMISSIONS", {"/a", "cid", "read"}}), "NOSUCHUSER");
  EXPECT_EQ(Do("ann", {"SETPERMISSIONS", {"/a", "Bob", "read"}}), "OK");
  EXPECT_EQ(Do("bob", {"READFILE", {"/a/nothing", "0", "1"}}), "NOTFOUND");
  EXPECT_EQ(Do("bob", {"DELETEFILE", {"/a/f"}}), "DENIED");
  EXPECT_EQ(Do("root", {"GETINFO", {"/a/f"}}),
            "OK type\tfile\nbytes\t0\nowner\tann\nright\tadmin\n"
            "permission\t*\tnone\npermission\tann\tadmin\npermission\tbob\tread\n"
            "inherited\troot\tadmin\t/");
}

TEST_F(ModelTest, FoldersMoveWithAllThatIsInThem) {
  Do("ann", {"CREATEFOLDER", {"/a"}});
  Do("ann", {"CREATEFOLDER", {"/a/b"}});
  Do("ann", {"CREATEFILE", {"/a/b/f"}});
  EXPECT_EQ(Do("ann", {"MOVE", {"/a", "/a/b/c"}}), "BADFIELD");
  EXPECT_EQ(Do("ann", {"MOVE", {"/a/b", "/b"}}), "OK");
  EXPECT_EQ(Do("ann", {"LISTFOLDER", {"/b", "", "5"}}), "OK f\tfile\t0");
  EXPECT_EQ(Do("bob", {"LISTFOLDER", {"/b"}}), "DENIED") << "it is private at the top";
}

TEST_F(ModelTest, PathsAreJudgedByTheirRules) {
  for (const char* path : {"", "a", "/a/", "//", "/.", "/a/..", "/a\nb", "/\xff", "/\xc2\x85"}) {
    EXPECT_FALSE(IsPath(path)) << path;
  }
  for (const char* path : {"/", "/a", "/...", "/a b/~", "/\xc3\xa4/\xe6\x97\xa5"}) {
    EXPECT_TRUE(IsPath(path)) << path;
  }
}

TEST_F(ModelTest, MessagesGoToAllOrNobody) {
  EXPECT_EQ(Do("ann", {"INITOFFLINEMESSAGE", {"bob cid"}}), "NOSUCHUSER");
  EXPECT_EQ(Do("ann", {"INITOFFLINEMESSAGE", {"bob root"}}, Ok("7")), "OK 7");
  EXPECT_EQ(Do("ann", {"APPENDOFFLINEMESSAGE", {"7", "hello"}}), "OK 5");
  EXPECT_EQ(Do("ann", {"APPENDOFFLINEMESSAGE", {"7", "hello!"}}), "QUOTA");
  EXPECT_EQ(Do("bob", {"SENDOFFLINEMESSAGE", {"7"}}), "NOTFOUND");
  EXPECT_EQ(Do("ann", {"SENDOFFLINEMESSAGE", {"7"}}), "OK");
  EXPECT_EQ(Do("bob", {"LISTOFFLINEMESSAGES", {}}, Ok("9\tann\t5")), "OK 9\tann\t5");
  EXPECT_EQ(Do("bob", {"READOFFLINEMESSAGE", {"9", "1", "3"}}), "OK ell");
  EXPECT_EQ(Do("ann", {"READOFFLINEMESSAGE", {"9", "1", "3"}}), "NOTFOUND");
  EXPECT_EQ(Do("bob", {"LISTOFFLINEMESSAGES", {"9", "5"}}), "OK");
  EXPECT_EQ(Do("bob", {"DELETEOFFLINEMESSAGE", {"9"}}), "OK");
  EXPECT_EQ(Do("bob", {"DELETEOFFLINEMESSAGE", {"9"}}), "NOTFOUND");
}

TEST_F(ModelTest, MetadataIsOnesOwnAndForEverybodyToRead) {
  EXPECT_EQ(Do("ann", {"SETMETADATA", {"k", "v"}}), "OK");
  EXPECT_EQ(Do("bob", {"GETMETADATA", {"ann", "k"}}), "OK v");
  EXPECT_EQ(Do("bob", {"LISTMETADATA", {"ann"}}), "OK k\t1");
  EXPECT_EQ(Do("bob", {"DELETEMETADATA", {"k"}}), "NOTFOUND");
  EXPECT_EQ(Do("bob", {"SETMETADATA", {"\x01", "v"}}), "BADFIELD");
}

TEST(PossibilitiesTest, ALostAnswerLeavesTwoUntilSomethingTells) {
  Possibilities known{Model(RulesOfTwo())};
  EXPECT_EQ(known.Check("ann", {"CREATEFOLDER", {"/a"}}, Ok()), "");
  known.MayHaveBeenDone("ann", {"CREATEFILE", {"/a/f"}});
  EXPECT_EQ(known.size(), 2u);
  EXPECT_EQ(known.Questions("root").size(), 2u);
  EXPECT_EQ(known.Check("ann", {"GETINFO", {"/a/f"}}, Fails("NOTFOUND")), "");
  EXPECT_EQ(known.size(), 1u);
  EXPECT_EQ(known.Check("ann", {"DELETEFILE", {"/a/f"}}, Ok()), "NOTFOUND");
  known.MayHaveBeenDone("bob", {"CREATEFOLDER", {"/a"}});
  EXPECT_EQ(known.size(), 1u) << "it cannot have been done";
}

TEST(PossibilitiesTest, ALostDraftCountsAsOneThatMayBeThere) {
  Possibilities known{Model(RulesOfTwo())};
  known.MayHaveBeenDone("ann", {"INITOFFLINEMESSAGE", {"bob"}});
  EXPECT_EQ(known.size(), 1u);
  EXPECT_EQ(known.Check("ann", {"INITOFFLINEMESSAGE", {"bob"}}, Ok("5")), "");
  EXPECT_EQ(known.Check("ann", {"INITOFFLINEMESSAGE", {"bob"}}, Fails("QUOTA")), "");
  EXPECT_EQ(known.Check("ann", {"INITOFFLINEMESSAGE", {"bob"}}, Ok("6")), "");
  EXPECT_EQ(known.Check("ann", {"INITOFFLINEMESSAGE", {"bob"}}, Ok("7")), "QUOTA");
}

TEST(SharedFileTest, AReadIsOneWriteThatMayBeSeen) {
  SharedFile file;
  const uint64_t first = file.BeginWrite();
  EXPECT_EQ(file.EndRead(file.BeginRead(), SharedFile::BytesOf(0)), "");
  EXPECT_EQ(file.EndRead(file.BeginRead(), SharedFile::BytesOf(first)), "") << "it has begun";
  file.EndWrite(first, SharedFile::Outcome::kDone);
  EXPECT_NE(file.EndRead(file.BeginRead(), SharedFile::BytesOf(0)), "") << "it is over";
  const int64_t before = file.BeginRead();
  const uint64_t second = file.BeginWrite();
  file.EndWrite(second, SharedFile::Outcome::kDone);
  EXPECT_EQ(file.EndRead(before, SharedFile::BytesOf(first)), "");
  EXPECT_NE(file.EndRead(file.BeginRead(), SharedFile::BytesOf(first)), "");
  EXPECT_NE(file.EndRead(file.BeginRead(), SharedFile::BytesOf(9)), "") << "nobody wrote that";
  std::string mix = SharedFile::BytesOf(second);
  mix.back() = '9';
  EXPECT_NE(file.EndRead(file.BeginRead(), mix), "");
  const uint64_t refused = file.BeginWrite();
  file.EndWrite(refused, SharedFile::Outcome::kRefused);
  EXPECT_NE(file.EndRead(file.BeginRead(), SharedFile::BytesOf(refused)), "");
}

}  // namespace
}  // namespace convergia::testing
