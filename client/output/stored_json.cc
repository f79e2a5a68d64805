#include "client/output/stored_json.h"

#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace convergia::client {
namespace {

using Row = std::vector<std::string>;

// The protocol's word for the kind of a StoredEntry or StoredInfo.
template <typename Stored>
const char* TypeWord(const Stored& stored) {
  return stored.is_folder ? "folder" : stored.is_part ? "part" : "file";
}

template <typename T>
Json JsonOrNull(const std::optional<T>& value) {
  return value.has_value() ? Json(*value) : Json(nullptr);
}

Json JsonOfPermission(const Row& row) { return {{"who", row[1]}, {"right", row[2]}}; }
Json JsonOfInherited(const Row& row) {
  return {{"who", row[1]}, {"right", row[2]}, {"folder", row[3]}};
}
Json JsonOfVolume(const Row& row) {
  int64_t copies = 0;
  return {{"volume", row[1]},
          {"volatile", row[2] == "volatile"},
          {"copies_wanted", absl::SimpleAtoi(row[3], &copies) ? Json(copies) : Json(nullptr)},
          {"online", JsonOfNames(row[4])},
          {"offline", JsonOfNames(row[5])}};
}

}  // namespace

Json JsonOf(const std::vector<StoredEntry>& entries) {
  Json array = Json::array();
  for (const StoredEntry& entry : entries) {
    array.push_back({{"name", entry.name},
                     {"type", TypeWord(entry)},
                     {"bytes", entry.bytes},
                     {"modified", JsonTime(entry.changed)}});
  }
  return array;
}

Json JsonOf(const std::vector<StoredMessage>& messages) {
  Json array = Json::array();
  for (const StoredMessage& message : messages) {
    array.push_back({{"id", message.id},
                     {"from", message.from},
                     {"bytes", message.bytes},
                     {"time", JsonTime(message.sent)}});
  }
  return array;
}

Json JsonOf(const std::vector<MetadataEntry>& entries) {
  Json array = Json::array();
  for (const MetadataEntry& entry : entries) {
    array.push_back({{"key", entry.key}, {"bytes", entry.bytes}});
  }
  return array;
}

Json JsonOf(const std::string& path, const StoredInfo& info) {
  Json created, owner, right, inherited;  // Null until a row tells.
  Json permissions = Json::array(), volumes = Json::array();
  // A row with fewer columns than it should have is left out.
  for (const Row& row : info.rows) {
    int64_t milliseconds = 0;
    if (row[0] == "created" && row.size() > 1 && absl::SimpleAtoi(row[1], &milliseconds)) {
      created = JsonTime(absl::FromUnixMillis(milliseconds));
    } else if (row[0] == "owner" && row.size() > 1 && !row[1].empty()) {
      owner = row[1];
    } else if (row[0] == "right" && row.size() > 1) {
      right = row[1];
    } else if (row[0] == "permission" && row.size() > 2) {
      permissions.push_back(JsonOfPermission(row));
    } else if (row[0] == "inherited" && row.size() > 3) {
      inherited = JsonOfInherited(row);
    } else if (row[0] == "volume" && row.size() > 5) {
      volumes.push_back(JsonOfVolume(row));
    }
  }
  return {{"path", path},
          {"type", TypeWord(info)},
          {"bytes", info.bytes},
          {"created", created},
          {"modified", JsonTime(info.changed)},
          {"owner", owner},
          {"right", right},
          {"id", absl::StrCat(info.id)},
          {"version", info.is_folder ? Json(nullptr) : Json(absl::StrCat(info.version))},
          {"hash", JsonOrNull(info.hash)},
          {"permissions", permissions},
          {"inherited", inherited},
          {"volumes", volumes}};
}

}  // namespace convergia::client
