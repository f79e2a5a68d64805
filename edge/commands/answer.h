#pragma once

#include <utility>

#include "common/lineserver/responder.h"

namespace convergia::edge {

// Returns a function that takes the result of an operation, an absl::StatusOr, and answers the
// request: FAIL with the error, or OK with `render(*result)` as its data. All handlers of
// operations answer through it.
template <typename Render>
auto AnswerWith(lineserver::Responder responder, Render render) {
  return [responder = std::move(responder), render](auto result) mutable {
    if (!result.ok()) return responder.Fail(result.status());
    responder.Ok(render(*result));
  };
}

}  // namespace convergia::edge
