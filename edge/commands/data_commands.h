#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/lineserver/command_table.h"
#include "common/lineserver/session.h"
#include "edge/commands/answer.h"
#include "edge/core/data_core.h"

namespace convergia::edge {

// The commands that datamgr carries out, one file for each subject. The fields become an operation
// of edge/core, and its result becomes rows.
std::vector<lineserver::CommandSpec> MakeStorageCommands(DataCore* data);
std::vector<lineserver::CommandSpec> MakeOfflineCommands(DataCore* data);
std::vector<lineserver::CommandSpec> MakeMetadataCommands(DataCore* data);

// Features of these commands that older servers do not have (docs/PROTOCOL.md, INFO).
inline constexpr absl::string_view kStorageFeatures = "replace part hash version";

// The user of a session, which must be signed in.
Caller CallerOf(const lineserver::Session& session);

// ---- Only for the files of these commands.

// The bytes that a request and its answer take. `length` is the number of bytes that a read asks
// for.
size_t WeightOf(lineserver::Fields fields, uint64_t length);

// The number of bytes that `operation` asks to read; 0 if it reads none.
template <typename Operation>
uint64_t LengthOf(const Operation& operation) {
  if constexpr (requires { operation.length; }) return operation.length;
  return 0;
}

// A handler that makes an operation of the fields, runs it, and renders its result as the data of
// OK. The client reads the errors of `parse`. The request and its answer count against the
// session's bytes until it is answered.
template <typename Operation>
lineserver::Handler RunData(DataCore* data,
                            absl::StatusOr<Operation> (*parse)(lineserver::Fields fields),
                            std::string (*render)(typename Operation::Result& result)) {
  return [data, parse, render](lineserver::Session& session, lineserver::Fields fields,
                               lineserver::Responder responder) {
    absl::StatusOr<Operation> operation = parse(fields);
    if (!operation.ok()) return responder.Fail(operation.status());
    session.Weigh(responder.key(), WeightOf(fields, LengthOf(*operation)));
    data->Do(CallerOf(session), *std::move(operation), AnswerWith(std::move(responder), render));
  };
}

std::string NoText(Nothing& result);
std::string NumberText(uint64_t& result);
std::string BytesText(std::string& result);

// Parses a decimal number that is not negative. Errors: kBadField with the name `what`.
absl::StatusOr<uint64_t> ReadNumber(absl::string_view what, absl::string_view text);
// Parses the largest number of rows to list. Errors: kBadField.
absl::StatusOr<uint32_t> ReadLimit(absl::string_view text);

}  // namespace convergia::edge
