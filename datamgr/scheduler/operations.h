#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "convergia/v1/data.pb.h"
#include "datamgr/catalog/catalog.h"

// What each request of data.proto asks of the catalog. Only translation, on the catalog's thread.
namespace convergia::datamgr {

// WRITEFILE and APPENDOFFLINEMESSAGE: bytes go to the data servers first.
bool IsWrite(const v1::DataRequest& request);
// READFILE and READOFFLINEMESSAGE: bytes come from the data servers.
bool IsRead(const v1::DataRequest& request);

// Whom the request names and who must exist, as far as the catalog does not know it by itself; in
// lower case. Errors: kBadField.
absl::StatusOr<std::vector<std::string>> NamedUsers(Catalog& catalog,
                                                    const v1::DataRequest& request);

// What the request is answered if its users were looked up with this outcome.
absl::Status AnswerToLookup(const v1::DataRequest& request, const absl::Status& checked);

// Of a write: its bytes, to be moved from; whether it may begin; and its commit.
std::string* BytesOf(v1::DataRequest* request);
absl::Status Admit(Catalog& catalog, const v1::DataRequest& request, uint64_t bytes);
// `hash`: HashForWrite() of a WRITEFILE's bytes, or empty.
absl::StatusOr<uint64_t> CommitWrite(Catalog& catalog, const v1::DataRequest& request,
                                     const std::optional<ChunkRef>& chunk, absl::string_view hash);

absl::StatusOr<ReadPlan> PlanReadOf(Catalog& catalog, const v1::DataRequest& request);

// All others. Fills `response`, and `arrivals` of SENDOFFLINEMESSAGE; `volumes`, of a GETINFO, are
// to be described in it.
absl::Status Execute(Catalog& catalog, const v1::DataRequest& request, v1::DataResponse* response,
                     std::vector<Arrival>* arrivals, std::vector<uint64_t>* volumes);

void FillArrival(const Arrival& arrival, v1::MessageArrival* to);
void FillVolumes(const std::vector<VolumePlaces>& places, v1::FileFacts* facts);

}  // namespace convergia::datamgr
