#pragma once

#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "datamgr/catalog/extents.h"
#include "datamgr/chunk_layer.h"

namespace convergia::datamgr {

// Reads `pieces`, at least one, side by side, and gives their bytes, one after the other, or the
// error of one of them. `done` is called once, on any thread; it must not block.
void ReadPieces(ChunkLayer& chunks, const std::vector<Piece>& pieces,
                absl::AnyInvocable<void(absl::StatusOr<std::string>)> done);

}  // namespace convergia::datamgr
