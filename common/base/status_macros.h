#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Early return on error, for functions that return absl::Status or absl::StatusOr, and the same for
// coroutines (CVG_CO_...).
//
//   CVG_RETURN_IF_ERROR(store.Commit(batch).status());
//   CVG_ASSIGN_OR_RETURN(const Username user, Username::Parse(fields[0]));

#define CVG_CONCAT_INNER_(x, y) x##y
#define CVG_CONCAT_(x, y) CVG_CONCAT_INNER_(x, y)

#define CVG_RETURN_IF_ERROR_WITH_(return_word, expr)          \
  do {                                                        \
    if (absl::Status cvg_status = (expr); !cvg_status.ok()) { \
      return_word cvg_status;                                 \
    }                                                         \
  } while (false)

#define CVG_ASSIGN_OR_RETURN_WITH_(return_word, result, declaration, expr) \
  auto result = (expr);                                                    \
  if (!result.ok()) {                                                      \
    return_word std::move(result).status();                                \
  }                                                                        \
  declaration = *std::move(result)

#define CVG_RETURN_IF_ERROR(expr) CVG_RETURN_IF_ERROR_WITH_(return, expr)
#define CVG_CO_RETURN_IF_ERROR(expr) CVG_RETURN_IF_ERROR_WITH_(co_return, expr)

#define CVG_ASSIGN_OR_RETURN(declaration, expr) \
  CVG_ASSIGN_OR_RETURN_WITH_(return, CVG_CONCAT_(cvg_result_, __LINE__), declaration, expr)
#define CVG_CO_ASSIGN_OR_RETURN(declaration, expr) \
  CVG_ASSIGN_OR_RETURN_WITH_(co_return, CVG_CONCAT_(cvg_result_, __LINE__), declaration, expr)
