#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/testing/status_testing.h"
#include "tests/testing/eventually.h"
#include "tests/testing/line_client.h"
#include "tools/devcluster/cluster.h"

namespace convergia::testing {

// One cluster of real processes for all tests of a suite. The suite derives from this class:
//
//   static void SetUpTestSuite() { StartCluster({.counts = {.edges = 2}, .accounts =
//   Accounts({"alice"})}); }
//
// Tests of a suite share nodes and accounts, so each test must restore what it changes.
class ClusterTest : public ::testing::Test {
 public:
  static void TearDownTestSuite();

 protected:
  // Fails the suite, with the ends of the logs, if the cluster does not become ready.
  static void StartCluster(devcluster::Cluster::Options options);

  void SetUp() override;

  // Accounts with the passwords of PasswordOf().
  static std::vector<devcluster::Cluster::Account> Accounts(const std::vector<std::string>& names);
  static std::string PasswordOf(absl::string_view name) { return absl::StrCat("pw-", name); }

  static devcluster::Cluster& cluster() { return *cluster_; }
  static std::string LineOf(absl::string_view node);
  static std::string CaFile() { return cluster_->operator_files().ca; }

  // A connection to the line port of `node`, not signed in.
  static absl::StatusOr<std::unique_ptr<LineClient>> Dial(absl::string_view node);

  // Likewise, signed in with the account's password.
  static absl::StatusOr<std::unique_ptr<LineClient>> SignIn(absl::string_view node,
                                                            absl::string_view name);

  // Signs in at mgmt and returns the ticket.
  static absl::StatusOr<std::string> TicketOf(absl::string_view name);

 private:
  static std::unique_ptr<devcluster::Cluster> cluster_;
};

// The value in the row (key, value) of an answer "OK ..."; empty if there is none.
std::string ValueIn(absl::string_view answer, absl::string_view key);

// "OK a\tb\nc\td" -> {{"a", "b"}, {"c", "d"}}.
std::vector<std::vector<std::string>> RowsIn(absl::string_view answer);

// Matches an answer without id: a FAIL with this code and any text.
MATCHER_P(IsFail, code, "") {
  const std::string prefix = absl::StrCat("FAIL ", code, " ");
  return arg.ok() && absl::StartsWith(*arg, prefix) && arg->size() > prefix.size();
}

MATCHER_P(Holds, matcher, "") {
  if (!arg.ok()) {
    *result_listener << "whose status is " << arg.status();
    return false;
  }
  return ::testing::ExplainMatchResult(matcher, *arg, result_listener);
}

}  // namespace convergia::testing
