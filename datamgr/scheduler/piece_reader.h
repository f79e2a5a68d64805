#pragma once

#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "datamgr/catalog/content/extents.h"
#include "datamgr/chunk_layer.h"

namespace convergia::datamgr {

// Reads `pieces` (at least one) in parallel. Gives `done` their bytes, joined in order, or the
// error of one of them. `done` is called once, on any thread, and must not block. Thread-safe.
void ReadPieces(ChunkLayer& chunks, const std::vector<Piece>& pieces,
                absl::AnyInvocable<void(absl::StatusOr<std::string>)> done);

}  // namespace convergia::datamgr
