#include "client/output/stored_json.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace convergia::client {
namespace {

// 2023-11-14T22:13:20.123Z.
const absl::Time kTime = absl::FromUnixMillis(1'700'000'000'123);

TEST(StoredJsonTest, ListsAreArraysOfObjects) {
  const struct {
    const char* name;
    Json json;
    const char* expected;
  } kCases[] = {
      {"no entries", JsonOf(std::vector<StoredEntry>()), "[]"},
      {"no messages", JsonOf(std::vector<StoredMessage>()), "[]"},
      {"no keys", JsonOf(std::vector<MetadataEntry>()), "[]"},
      {"entries",
       JsonOf(std::vector<StoredEntry>{{"d", true, 0, kTime, false},
                                       {"f", false, UINT64_MAX, kTime, false},
                                       {"p", false, 1, kTime, true}}),
       R"([{"name":"d","type":"folder","bytes":0,"modified":"2023-11-14T22:13:20.123Z"},)"
       R"({"name":"f","type":"file","bytes":18446744073709551615,)"
       R"("modified":"2023-11-14T22:13:20.123Z"},)"
       R"({"name":"p","type":"part","bytes":1,"modified":"2023-11-14T22:13:20.123Z"}])"},
      {"messages", JsonOf(std::vector<StoredMessage>{{"7", "alice", 5, kTime}}),
       R"([{"id":"7","from":"alice","bytes":5,"time":"2023-11-14T22:13:20.123Z"}])"},
      {"keys", JsonOf(std::vector<MetadataEntry>{{"colour", 4}}),
       R"([{"key":"colour","bytes":4}])"},
  };
  for (const auto& c : kCases) EXPECT_EQ(c.json.dump(), c.expected) << c.name;
}

TEST(StoredJsonTest, InfoOfAFileHasAllThatTheServerTells) {
  StoredInfo info;
  info.bytes = 2;
  info.changed = kTime;
  info.id = UINT64_MAX;
  info.version = 15;
  info.hash = "ab";
  info.rows = {{"type", "file"},
               {"created", "0"},
               {"owner", "alice"},
               {"right", "write"},
               {"permission", "*", "none"},
               {"permission", "alice", "admin"},
               {"inherited", "bob", "read", "/a"},
               {"volume", "7", "volatile", "3", "disk1,disk2", ""},
               {"volume", "8", "nonvolatile", "1", "", "disk3"},
               {"of a later version", "x"}};
  EXPECT_EQ(JsonOf("/a/f", info), Json::parse(R"({
    "path": "/a/f", "type": "file", "bytes": 2,
    "created": "1970-01-01T00:00:00.000Z", "modified": "2023-11-14T22:13:20.123Z",
    "owner": "alice", "right": "write",
    "id": "18446744073709551615", "version": "15", "hash": "ab",
    "permissions": [{"who": "*", "right": "none"}, {"who": "alice", "right": "admin"}],
    "inherited": {"who": "bob", "right": "read", "folder": "/a"},
    "volumes": [
      {"volume": "7", "volatile": true, "copies_wanted": 3,
       "online": ["disk1", "disk2"], "offline": []},
      {"volume": "8", "volatile": false, "copies_wanted": 1, "online": [], "offline": ["disk3"]}]
  })"));
}

TEST(StoredJsonTest, InfoOfTheRootHasEveryKey) {
  StoredInfo info;
  info.is_folder = true;
  info.changed = kTime;
  info.id = 1;
  info.rows = {{"type", "folder"}, {"created", "not a time"}, {"owner", ""}, {"volume", "7"}};
  EXPECT_EQ(JsonOf("/", info), Json::parse(R"({
    "path": "/", "type": "folder", "bytes": 0,
    "created": null, "modified": "2023-11-14T22:13:20.123Z", "owner": null, "right": null,
    "id": "1", "version": null, "hash": null, "permissions": [], "inherited": null, "volumes": []
  })"));
}

}  // namespace
}  // namespace convergia::client
