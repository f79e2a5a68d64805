#include "tests/cluster/cluster_test_base.h"

#include <utility>

#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"

namespace convergia::testing {

using devcluster::Cluster;

std::unique_ptr<Cluster> ClusterTest::cluster_;

void ClusterTest::StartCluster(Cluster::Options options) {
  const auto* const suite = ::testing::UnitTest::GetInstance()->current_test_suite();
  options.dir = absl::StrCat(::testing::TempDir(), "/", suite->name());
  absl::StatusOr<std::unique_ptr<Cluster>> cluster = Cluster::Create(std::move(options));
  ASSERT_OK(cluster.status());
  cluster_ = *std::move(cluster);
  const absl::Status started = cluster_->Start();
  if (!started.ok()) cluster_ = nullptr;
  ASSERT_OK(started);
}

void ClusterTest::TearDownTestSuite() { cluster_ = nullptr; }

void ClusterTest::SetUp() { ASSERT_NE(cluster_, nullptr) << "the cluster did not start"; }

std::vector<Cluster::Account> ClusterTest::Accounts(const std::vector<std::string>& names) {
  std::vector<Cluster::Account> accounts;
  for (const std::string& name : names) accounts.push_back({name, PasswordOf(name)});
  return accounts;
}

std::string ClusterTest::LineOf(absl::string_view node) {
  const absl::StatusOr<Cluster::Node> found = cluster_->node(node);
  return found.ok() ? found->line : "";
}

absl::StatusOr<std::unique_ptr<LineClient>> ClusterTest::Dial(absl::string_view node) {
  return LineClient::Connect(LineOf(node), CaFile());
}

absl::StatusOr<std::unique_ptr<LineClient>> ClusterTest::SignIn(absl::string_view node,
                                                                absl::string_view name) {
  CVG_ASSIGN_OR_RETURN(std::unique_ptr<LineClient> client, Dial(node));
  CVG_ASSIGN_OR_RETURN(const std::string answer,
                       client->Ask(absl::StrCat("LOGIN ", name, "\n", PasswordOf(name))));
  if (!absl::StartsWith(answer, "OK ")) return absl::UnauthenticatedError(answer);
  return client;
}

absl::StatusOr<std::string> ClusterTest::TicketOf(absl::string_view name) {
  CVG_ASSIGN_OR_RETURN(std::unique_ptr<LineClient> client, Dial("mgmt"));
  CVG_ASSIGN_OR_RETURN(const std::string answer,
                       client->Ask(absl::StrCat("LOGIN ", name, "\n", PasswordOf(name))));
  const std::string ticket = ValueIn(answer, "ticket");
  if (ticket.empty()) return absl::UnauthenticatedError(answer);
  return ticket;
}

std::vector<std::vector<std::string>> RowsIn(absl::string_view answer) {
  std::vector<std::vector<std::string>> rows;
  if (!absl::ConsumePrefix(&answer, "OK ")) return rows;
  for (const absl::string_view row : absl::StrSplit(answer, '\n')) {
    rows.push_back(absl::StrSplit(row, '\t'));
  }
  return rows;
}

std::string ValueIn(absl::string_view answer, absl::string_view key) {
  for (const std::vector<std::string>& row : RowsIn(answer)) {
    if (row.size() > 1 && row[0] == key) return row[1];
  }
  return "";
}

}  // namespace convergia::testing
