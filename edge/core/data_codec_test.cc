#include "edge/core/data_codec.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace convergia::edge {
namespace {

using ::testing::IsEmpty;

v1::DataRequest RequestOf(const std::string& text) {
  v1::DataRequest request;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &request)) << text;
  return request;
}

v1::DataResponse ResponseOf(const std::string& text) {
  v1::DataResponse response;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &response)) << text;
  return response;
}

template <typename Operation>
std::string Packed(Operation operation) {
  v1::DataRequest request;
  Pack(std::move(operation), &request);
  return request.SerializeAsString();
}

TEST(PackTest, EachOperationBecomesItsRequest) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {Packed(CreateFolder{"/a"}), "create_folder { path: '/a' }"},
      {Packed(DeleteFolder{"/a", true}), "delete_folder { path: '/a' recursive: true }"},
      {Packed(SetPermissions{"/a", "*", "read"}),
       "set_permissions { path: '/a' who: '*' right: 'read' }"},
      {Packed(CreateFile{"/a", true}), "create_file { path: '/a' part: true }"},
      {Packed(WriteFile{"/a", 7, "bytes"}), "write_file { path: '/a' offset: 7 data: 'bytes' }"},
      {Packed(ReadFile{.path = "/a", .offset = 1, .length = 2}),
       "read_file { path: '/a' offset: 1 length: 2 }"},
      {Packed(ReadFile{.path = "/a", .length = 2, .version = 9}),
       "read_file { path: '/a' length: 2 version: 9 }"},
      {Packed(TruncateFile{"/a", 3}), "truncate_file { path: '/a' bytes: 3 }"},
      {Packed(Move{"/a", "/b", true}), "move { from: '/a' to: '/b' replace: true }"},
      {Packed(DeleteFile{"/a"}), "delete_file { path: '/a' }"},
      {Packed(ListFolder{"/a", "b", 5}), "list_folder { path: '/a' after: 'b' limit: 5 }"},
      {Packed(ListFolder{.path = "/a"}), "list_folder { path: '/a' limit: 1000 }"},
      {Packed(GetInfo{"/a"}), "get_info { path: '/a' }"},
      {Packed(BeginDraft{{"bob", "eve"}}), "init_message { to: 'bob' to: 'eve' }"},
      {Packed(AppendToDraft{4, "hi"}), "append_message { draft: 4 data: 'hi' }"},
      {Packed(SendDraft{4}), "send_message { draft: 4 }"},
      {Packed(CancelDraft{4}), "cancel_message { draft: 4 }"},
      {Packed(ListMessages{6, 8}), "list_messages { after: 6 limit: 8 }"},
      {Packed(ReadMessage{6, 1, 2}), "read_message { message: 6 offset: 1 length: 2 }"},
      {Packed(DeleteMessage{6}), "delete_message { message: 6 }"},
      {Packed(SetMetadata{"k", "v"}), "set_metadata { key: 'k' value: 'v' }"},
      {Packed(GetMetadata{"bob", "k"}), "get_metadata { user: 'bob' key: 'k' }"},
      {Packed(ListMetadata{"bob"}), "list_metadata { user: 'bob' }"},
      {Packed(DeleteMetadata{"k"}), "delete_metadata { key: 'k' }"},
  };
  for (const auto& [packed, text] : cases) {
    EXPECT_EQ(packed, RequestOf(text).SerializeAsString()) << text;
  }
}

TEST(UnpackTest, NumbersAndBytes) {
  v1::DataResponse number = ResponseOf("number: 7");
  uint64_t seven = 0;
  Unpack(number, &seven);
  EXPECT_EQ(seven, 7u);
  v1::DataResponse data = ResponseOf("data: 'bytes'");
  std::string bytes;
  Unpack(data, &bytes);
  EXPECT_EQ(bytes, "bytes");
}

TEST(UnpackTest, EntriesOfAFolder) {
  v1::DataResponse response = ResponseOf(
      "folder { rows { name: 'a' is_folder: true time_ms: 1 }"
      "         rows { name: 'b' is_part: true bytes: 5 time_ms: 2 } }");
  std::vector<FolderEntry> entries;
  Unpack(response, &entries);
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].name, "a");
  EXPECT_TRUE(entries[0].is_folder);
  EXPECT_FALSE(entries[0].is_part);
  EXPECT_EQ(entries[1].name, "b");
  EXPECT_TRUE(entries[1].is_part);
  EXPECT_EQ(entries[1].bytes, 5u);
  EXPECT_EQ(entries[1].changed, absl::FromUnixMillis(2));
}

TEST(UnpackTest, InfoOfAFile) {
  v1::DataResponse response = ResponseOf(
      "facts { bytes: 5 created_ms: 1 modified_ms: 2 owner: 'alice' right: 'admin' id: 3 version: 4"
      "        hash: 'h' permissions { who: 'bob' right: 'read' }"
      "        inherited { who: '*' right: 'none' } inherited_from: '/r'"
      "        volumes { volume: 6 is_volatile: true copies_wanted: 3 servers_online: 'v1'"
      "                  servers_offline: 'v2' } }");
  FileInfo info;
  Unpack(response, &info);
  EXPECT_FALSE(info.is_folder);
  EXPECT_EQ(info.bytes, 5u);
  EXPECT_EQ(info.created, absl::FromUnixMillis(1));
  EXPECT_EQ(info.changed, absl::FromUnixMillis(2));
  EXPECT_EQ(info.owner, "alice");
  EXPECT_EQ(info.right, "admin");
  EXPECT_EQ(info.id, 3u);
  EXPECT_EQ(info.version, 4u);
  EXPECT_EQ(info.hash, "h");
  ASSERT_EQ(info.permissions.size(), 1u);
  EXPECT_EQ(info.permissions[0].who, "bob");
  ASSERT_TRUE(info.inherited.has_value());
  EXPECT_EQ(info.inherited->first.who, "*");
  EXPECT_EQ(info.inherited->second, "/r");
  ASSERT_EQ(info.volumes.size(), 1u);
  EXPECT_EQ(info.volumes[0].volume, 6u);
  EXPECT_TRUE(info.volumes[0].is_volatile);
  EXPECT_EQ(info.volumes[0].copies_wanted, 3u);
  EXPECT_EQ(info.volumes[0].servers_online, std::vector<std::string>{"v1"});
  EXPECT_EQ(info.volumes[0].servers_offline, std::vector<std::string>{"v2"});
}

TEST(UnpackTest, InfoOfAFolderHasNoContent) {
  v1::DataResponse response = ResponseOf("facts { is_folder: true id: 3 }");
  FileInfo info;
  Unpack(response, &info);
  EXPECT_TRUE(info.is_folder);
  EXPECT_THAT(info.hash, IsEmpty());
  EXPECT_FALSE(info.inherited.has_value());
}

TEST(UnpackTest, MessagesAndKeys) {
  v1::DataResponse messages =
      ResponseOf("messages { rows { id: 1 from: 'bob' bytes: 2 time_ms: 3 } }");
  std::vector<WaitingMessage> waiting;
  Unpack(messages, &waiting);
  ASSERT_EQ(waiting.size(), 1u);
  EXPECT_EQ(waiting[0].id, 1u);
  EXPECT_EQ(waiting[0].from, "bob");
  EXPECT_EQ(waiting[0].bytes, 2u);
  EXPECT_EQ(waiting[0].sent, absl::FromUnixMillis(3));
  v1::DataResponse metadata = ResponseOf("metadata { rows { key: 'k' bytes: 9 } }");
  std::vector<MetadataKey> keys;
  Unpack(metadata, &keys);
  ASSERT_EQ(keys.size(), 1u);
  EXPECT_EQ(keys[0].key, "k");
  EXPECT_EQ(keys[0].bytes, 9u);
}

}  // namespace
}  // namespace convergia::edge
