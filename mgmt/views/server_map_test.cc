#include "mgmt/views/server_map.h"

#include "absl/strings/str_join.h"
#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"
#include "common/store/testing/mem_store.h"

namespace convergia::mgmt {
namespace {

class ServerMapTest : public testing::Test {
 protected:
  ServerMapTest() {
    state_.self = 1;
    state_.members[1] = {.role = Role::kMgmt, .name = "mgmt", .node = 1};
    state_.members[2] = {.role = Role::kEdge, .name = "edge1", .node = 2};
    state_.members[3] = {.role = Role::kEdge, .name = "edge2", .node = 3};
    state_.members[4] = {.role = Role::kDataserver, .name = "disk", .node = 4};
    for (const NodeId id : {2, 3}) {
      v1::Hello hello;
      hello.set_epoch(1);
      EXPECT_OK(state_.liveness.Attach(id, hello, absl::ZeroDuration()));
    }
    v1::LinkState link;
    link.set_peer(3);
    link.set_rtt_us(5);
    state_.links.Report(2, {&link}, [](NodeId) { return true; });
    for (const char* name : {"ann", "bob", "cat"}) {
      EXPECT_OK(accounts_->Add(*Username::Parse(name), "hash", absl::UnixEpoch()));
    }
    v1::LocationReport report;
    report.add_changes()->set_username("bob");
    report.mutable_changes(0)->set_sessions(1);
    report.set_whole(true);
    state_.directory.Apply(3, /*epoch=*/1, report);
    state_.directory.Apply(2, /*epoch=*/1, report);
  }
  std::string Page(absl::string_view after, int limit,
                   std::optional<Username> only = std::nullopt) const {
    const auto rows = ServerMap(state_, *accounts_).Page(after, limit, only);
    return rows.ok() ? MapRowsText(*rows) : std::string(FailCodeWord(FailCodeOf(rows.status())));
  }

  ClusterState state_{1};
  store::MemStore store_;
  std::unique_ptr<AccountStore> accounts_ = *AccountStore::Create(store_);
};

TEST_F(ServerMapTest, ShowsServersThenClients) {
  EXPECT_EQ(Page("", 100),
            "n1\tmgmt\tmanagementserver\tonline\t\tn2,n3\n"
            "n2\tedge1\tmainserver\tonline\t\tn1,n3\n"
            "n3\tedge2\tmainserver\tonline\t\tn1,n2\n"
            "n4\tdisk\tdataserver\toffline\t\t\n"
            "u1\tann\tclient\toffline\t\t\n"
            "u2\tbob\tclient\tonline\t\tn2,n3\n"
            "u3\tcat\tclient\toffline\t\t");
}

TEST_F(ServerMapTest, ShowsWhatTheDataManagementServerIsConnectedTo) {
  state_.members[5] = {.role = Role::kDatamgr, .name = "data", .node = 5};
  for (const NodeId id : {4, 5}) {
    v1::Hello hello;
    hello.set_epoch(1);
    EXPECT_OK(state_.liveness.Attach(id, hello, absl::ZeroDuration()));
  }
  v1::Heartbeat heartbeat;
  for (const NodeId id : {3, 4, 77}) heartbeat.add_connected(id);
  state_.liveness.SetLoad(5, heartbeat);
  v1::Heartbeat invented;
  invented.add_connected(2);
  state_.liveness.SetLoad(4, invented);
  EXPECT_EQ(Page("n1", 4),
            "n2\tedge1\tmainserver\tonline\t\tn1,n3\n"
            "n3\tedge2\tmainserver\tonline\t\tn1,n2,n5\n"
            "n4\tdisk\tdataserver\tonline\t\tn1,n5\n"
            "n5\tdata\tdatamanagementserver\tonline\t\tn1,n3,n4");
  state_.liveness.Detach(5, absl::ZeroDuration());
  EXPECT_THAT(Page("n3", 1), testing::EndsWith("\tn1")) << "datamgr can no longer be asked";
}

TEST_F(ServerMapTest, PagesFromAnyRow) {
  struct Case {
    const char* after;
    int limit;
    const char* ids;
  };
  for (const Case& c : std::vector<Case>{{"", 2, "n1 n2"},
                                         {"n2", 3, "n3 n4 u1"},
                                         {"n4", 2, "u1 u2"},
                                         {"n99", 1, "u1"},
                                         {"u1", 9, "u2 u3"},
                                         {"u0", 1, "u1"},
                                         {"u3", 9, ""}}) {
    const auto rows = ServerMap(state_, *accounts_).Page(c.after, c.limit, std::nullopt);
    ASSERT_OK(rows);
    std::vector<std::string> ids;
    for (const auto& row : *rows) ids.push_back(row.id());
    EXPECT_EQ(absl::StrJoin(ids, " "), c.ids) << c.after;
  }
}

TEST_F(ServerMapTest, RefusesWhatIsNoId) {
  for (const char* bad :
       {"x", "n", "u", "n-1", "u1x", "2", "n99999999999", "u99999999999999999999"}) {
    EXPECT_EQ(Page(bad, 5), "BADFIELD") << bad;
  }
}

TEST_F(ServerMapTest, MayHideOtherPeople) {
  const Username bob = *Username::Parse("bob");
  EXPECT_THAT(Page("n4", 100, bob), testing::StartsWith("u2\tbob"));
  EXPECT_THAT(Page("n4", 100, bob), testing::Not(testing::HasSubstr("ann")));
  EXPECT_EQ(Page("u2", 100, bob), "");
  EXPECT_EQ(Page("n4", 100, *Username::Parse("nobody")), "");
}

}  // namespace
}  // namespace convergia::mgmt
