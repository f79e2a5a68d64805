#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Assertions on absl::Status and absl::StatusOr, which this version of Abseil lacks.
//
//   ASSERT_OK(store.Commit(batch));
//   ASSERT_OK_AND_ASSIGN(const Packet packet, ParsePacket(bytes));
//   EXPECT_THAT(hasher.Verify(...), StatusIs(absl::StatusCode::kUnauthenticated));

namespace convergia::testing_internal {
inline const absl::Status& AsStatus(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& AsStatus(const absl::StatusOr<T>& result) {
  return result.status();
}
}  // namespace convergia::testing_internal

#define ASSERT_OK(expr)                                                          \
  do {                                                                           \
    const auto& cvg_ok = (expr);                                                 \
    ASSERT_TRUE(cvg_ok.ok()) << ::convergia::testing_internal::AsStatus(cvg_ok); \
  } while (false)
#define EXPECT_OK(expr)                                                          \
  do {                                                                           \
    const auto& cvg_ok = (expr);                                                 \
    EXPECT_TRUE(cvg_ok.ok()) << ::convergia::testing_internal::AsStatus(cvg_ok); \
  } while (false)
#define CVG_TEST_CONCAT_INNER_(x, y) x##y
#define CVG_TEST_CONCAT_(x, y) CVG_TEST_CONCAT_INNER_(x, y)
#define ASSERT_OK_AND_ASSIGN_(result, declaration, expr) \
  auto result = (expr);                                  \
  ASSERT_TRUE(result.ok()) << result.status();           \
  declaration = *std::move(result)
#define ASSERT_OK_AND_ASSIGN(declaration, expr) \
  ASSERT_OK_AND_ASSIGN_(CVG_TEST_CONCAT_(cvg_result_, __LINE__), declaration, expr)

namespace convergia {

MATCHER_P(StatusIs, code, "") {
  const absl::Status& status = testing_internal::AsStatus(arg);
  *result_listener << "whose status is " << status;
  return status.code() == code;
}

}  // namespace convergia
