#pragma once

#include <string>
#include <vector>

#include "client/files/storage.h"
#include "client/output/json.h"

// Stored things as `--json` shows them (docs/CLIENT.md). Every key is always there.
namespace convergia::client {

Json JsonOf(const std::vector<StoredEntry>& entries);
Json JsonOf(const std::vector<StoredMessage>& messages);
Json JsonOf(const std::vector<MetadataEntry>& entries);

// `path`: the one that was asked about.
Json JsonOf(const std::string& path, const StoredInfo& info);

}  // namespace convergia::client
