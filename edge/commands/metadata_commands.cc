#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/line/rows.h"
#include "edge/commands/data_commands.h"
#include "edge/core/metadata.h"

namespace convergia::edge {

using lineserver::Access;
using lineserver::CommandSpec;
using lineserver::Fields;

namespace {

absl::StatusOr<SetMetadata> ParseSet(Fields fields) {
  return SetMetadata{std::string(fields[0]), std::string(fields[1])};
}

absl::StatusOr<GetMetadata> ParseGet(Fields fields) {
  return GetMetadata{std::string(fields[0]), std::string(fields[1])};
}

absl::StatusOr<ListMetadata> ParseList(Fields fields) {
  return ListMetadata{std::string(fields[0])};
}

absl::StatusOr<DeleteMetadata> ParseDelete(Fields fields) {
  return DeleteMetadata{std::string(fields[0])};
}

std::string KeysText(std::vector<MetadataKey>& keys) {
  line::RowWriter rows;
  for (const MetadataKey& key : keys) rows.Add({key.key, absl::StrCat(key.bytes)});
  return rows.data();
}

}  // namespace

std::vector<CommandSpec> MakeMetadataCommands(DataCore* data) {
  // clang-format off
  return {
      {"DELETEMETADATA", 1, 1, Access::kSignedIn, RunData(data, ParseDelete, NoText),
       "key: take back what you said of yourself under that key", /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
      {"GETMETADATA", 2, 2, Access::kSignedIn, RunData(data, ParseGet, BytesText),
       "user LF key: what a user says of himself under that key"},
      {"LISTMETADATA", 1, 1, Access::kSignedIn, RunData(data, ParseList, KeysText),
       "user: the keys of a user"},
      {"SETMETADATA", 2, 2, Access::kSignedIn, RunData(data, ParseSet, NoText),
       "key LF value: say something of yourself", /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
  };
  // clang-format on
}

}  // namespace convergia::edge
