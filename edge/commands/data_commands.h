#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/lineserver/command_table.h"
#include "common/lineserver/session.h"
#include "convergia/v1/data.pb.h"
#include "edge/upstream/data_client.h"

namespace convergia::edge {

// The commands that datamgr carries out, each in the file of its subject: what was typed becomes a
// request, and the response rows.
std::vector<lineserver::CommandSpec> MakeStorageCommands(DataClient* data);
std::vector<lineserver::CommandSpec> MakeOfflineCommands(DataClient* data);
std::vector<lineserver::CommandSpec> MakeMetadataCommands(DataClient* data);

// What a client may ask of these commands that older servers do not know (docs/PROTOCOL.md, INFO).
inline constexpr absl::string_view kStorageFeatures = "replace part hash version";

// Pushes OFFLINEMESSAGEAVAILABLE for what waits in the mailbox of the session's user. On the
// session's thread.
void PushWaitingMessages(DataClient& data, lineserver::Session& session);

// The data of OFFLINEMESSAGEAVAILABLE.
std::string AvailableText(const v1::MessageRow& message);

// ---- For these files.

// Fills in the request; an error is the client's to read.
using Parse = std::function<absl::Status(lineserver::Fields fields, v1::DataRequest* request)>;
// The data of OK.
using Render = std::function<std::string(v1::DataResponse& response)>;

// A command that parses, asks and renders. What it carries, and what a read will bring, counts
// against the session's bytes until it is answered.
lineserver::Handler AskData(DataClient* data, Parse parse, Render render);

std::string NoData(v1::DataResponse& response);
std::string NumberText(v1::DataResponse& response);
std::string DataText(v1::DataResponse& response);

// Decimal, not negative. Errors: kBadField, naming it.
absl::StatusOr<uint64_t> ReadNumber(absl::string_view what, absl::string_view text);
// How many rows to list at most. Errors: kBadField.
absl::StatusOr<uint64_t> ReadLimit(absl::string_view text);

}  // namespace convergia::edge
