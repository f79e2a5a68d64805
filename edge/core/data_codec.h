#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "convergia/v1/data.pb.h"
#include "edge/core/files.h"
#include "edge/core/mail.h"
#include "edge/core/metadata.h"

// Converts typed operations to messages of data.proto and back. Pure functions.
namespace convergia::edge {

void Pack(CreateFolder op, v1::DataRequest* request);
void Pack(DeleteFolder op, v1::DataRequest* request);
void Pack(SetPermissions op, v1::DataRequest* request);
void Pack(CreateFile op, v1::DataRequest* request);
void Pack(WriteFile op, v1::DataRequest* request);
void Pack(ReadFile op, v1::DataRequest* request);
void Pack(TruncateFile op, v1::DataRequest* request);
void Pack(Move op, v1::DataRequest* request);
void Pack(DeleteFile op, v1::DataRequest* request);
void Pack(ListFolder op, v1::DataRequest* request);
void Pack(GetInfo op, v1::DataRequest* request);

void Pack(BeginDraft op, v1::DataRequest* request);
void Pack(AppendToDraft op, v1::DataRequest* request);
void Pack(SendDraft op, v1::DataRequest* request);
void Pack(CancelDraft op, v1::DataRequest* request);
void Pack(ListMessages op, v1::DataRequest* request);
void Pack(ReadMessage op, v1::DataRequest* request);
void Pack(DeleteMessage op, v1::DataRequest* request);

void Pack(SetMetadata op, v1::DataRequest* request);
void Pack(GetMetadata op, v1::DataRequest* request);
void Pack(ListMetadata op, v1::DataRequest* request);
void Pack(DeleteMetadata op, v1::DataRequest* request);

// Reads the result from an answer without an error. Moves the bytes out of the response.
void Unpack(v1::DataResponse& response, Nothing* result);
void Unpack(v1::DataResponse& response, uint64_t* result);
void Unpack(v1::DataResponse& response, std::string* result);
void Unpack(v1::DataResponse& response, std::vector<FolderEntry>* result);
void Unpack(v1::DataResponse& response, FileInfo* result);
void Unpack(v1::DataResponse& response, std::vector<WaitingMessage>* result);
void Unpack(v1::DataResponse& response, std::vector<MetadataKey>* result);

WaitingMessage MessageOf(v1::MessageRow row);

}  // namespace convergia::edge
