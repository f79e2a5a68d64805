#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/line/rows.h"
#include "edge/commands/data_commands.h"

namespace convergia::edge {

using lineserver::Access;
using lineserver::CommandSpec;
using lineserver::Fields;

namespace {

absl::Status ParseSet(Fields fields, v1::DataRequest* request) {
  request->mutable_set_metadata()->set_key(std::string(fields[0]));
  request->mutable_set_metadata()->set_value(std::string(fields[1]));
  return absl::OkStatus();
}

absl::Status ParseGet(Fields fields, v1::DataRequest* request) {
  request->mutable_get_metadata()->set_user(std::string(fields[0]));
  request->mutable_get_metadata()->set_key(std::string(fields[1]));
  return absl::OkStatus();
}

absl::Status ParseList(Fields fields, v1::DataRequest* request) {
  request->mutable_list_metadata()->set_user(std::string(fields[0]));
  return absl::OkStatus();
}

absl::Status ParseDelete(Fields fields, v1::DataRequest* request) {
  request->mutable_delete_metadata()->set_key(std::string(fields[0]));
  return absl::OkStatus();
}

std::string MetadataText(v1::DataResponse& response) {
  line::RowWriter rows;
  for (const v1::MetadataRow& row : response.metadata().rows()) {
    rows.Add({row.key(), absl::StrCat(row.bytes())});
  }
  return rows.data();
}

}  // namespace

std::vector<CommandSpec> MakeMetadataCommands(DataClient* data) {
  // clang-format off
  return {
      {"DELETEMETADATA", 1, 1, Access::kSignedIn, AskData(data, ParseDelete, NoData),
       "key: take back what you said of yourself under that key", /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
      {"GETMETADATA", 2, 2, Access::kSignedIn, AskData(data, ParseGet, DataText),
       "user LF key: what a user says of himself under that key"},
      {"LISTMETADATA", 1, 1, Access::kSignedIn, AskData(data, ParseList, MetadataText),
       "user: the keys of a user"},
      {"SETMETADATA", 2, 2, Access::kSignedIn, AskData(data, ParseSet, NoData),
       "key LF value: say something of yourself", /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
  };
  // clang-format on
}

}  // namespace convergia::edge
