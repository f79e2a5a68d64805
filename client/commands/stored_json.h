#pragma once

#include <string>
#include <vector>

#include "client/commands/json.h"
#include "client/files/storage.h"

// Stored things as `--json` shows them (docs/CLIENT.md). Every key is always there.
namespace convergia::client {

Json JsonOf(const std::vector<StoredEntry>& entries);
Json JsonOf(const std::vector<StoredMessage>& messages);
Json JsonOf(const std::vector<MetadataEntry>& entries);

// `path`: the one that was asked about.
Json JsonOf(const std::string& path, const StoredInfo& info);

}  // namespace convergia::client
