#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "convergia/v1/data.pb.h"
#include "datamgr/catalog/catalog.h"

// Translates the requests of data.proto into calls of the catalog. Call all of it on the catalog's
// thread, except the functions without a Catalog, which are pure.
namespace convergia::datamgr {

// WRITEFILE and APPENDOFFLINEMESSAGE: their bytes go to the data servers first.
bool IsWrite(const v1::DataRequest& request);
// READFILE and READOFFLINEMESSAGE: their bytes come from the data servers.
bool IsRead(const v1::DataRequest& request);

// The users that the request names and that must exist, in lower case. Users that the catalog
// itself knows to exist are left out. Errors: kBadField.
absl::StatusOr<std::vector<std::string>> NamedUsers(Catalog& catalog,
                                                    const v1::DataRequest& request);

// The answer to the request if the look-up of its users ended with `checked`. OK: carry it out.
absl::Status AnswerToLookup(const v1::DataRequest& request, const absl::Status& checked);

// For a write: its bytes, which the caller may move out.
std::string* BytesOf(v1::DataRequest* request);
// Whether a write of `bytes` bytes may begin.
absl::Status Admit(Catalog& catalog, const v1::DataRequest& request, uint64_t bytes);
// Commits a write whose bytes are in `chunk` (nullopt: none). Returns the new size in bytes. `hash`
// is HashForWrite() of a WRITEFILE's bytes, or empty.
absl::StatusOr<uint64_t> CommitWrite(Catalog& catalog, const v1::DataRequest& request,
                                     const std::optional<ChunkRef>& chunk, absl::string_view hash);

// Plans a read. Errors: those of Files::Read() and Mailboxes::Read().
absl::StatusOr<ReadPlan> PlanReadOf(Catalog& catalog, const v1::DataRequest& request);

// Carries out any other request. Fills `response`; for SENDOFFLINEMESSAGE also `arrivals`. For
// GETINFO it fills `volumes`: the caller adds their places with FillVolumes().
absl::Status Execute(Catalog& catalog, const v1::DataRequest& request, v1::DataResponse* response,
                     std::vector<Arrival>* arrivals, std::vector<uint64_t>* volumes);

void FillArrival(const Arrival& arrival, v1::MessageArrival* to);
void FillVolumes(const std::vector<VolumePlaces>& places, v1::FileFacts* facts);

}  // namespace convergia::datamgr
