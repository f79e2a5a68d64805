#include "tests/firewall/offices_test_base.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_join.h"

namespace convergia::testing {
namespace {

// The site of each node.
const std::map<std::string, std::string>& Sites() {
  static const auto* const sites = new std::map<std::string, std::string>{
      {"mgmt", "hq"},       {"edge1", "office1"}, {"edge2", "office2"},
      {"edge3", "public3"}, {"edge4", "public4"},
  };
  return *sites;
}

}  // namespace

std::string& OfficesTest::NoLab() {
  static auto* const why = new std::string();
  return *why;
}

const std::string& OfficesTest::SiteOf(const std::string& node) { return Sites().at(node); }

void OfficesTest::SetUp() {
  if (!NoLab().empty()) GTEST_SKIP() << NoLab();
  ClusterTest::SetUp();
}

NetworkLab& OfficesTest::lab() {
  static NetworkLab* const lab = [] {
    auto made = NetworkLab::Create({{"hq"},
                                    {"office1", /*walled=*/true},
                                    {"office2", /*walled=*/true},
                                    {"public3"},
                                    {"public4"},
                                    {"home", /*walled=*/true}});
    if (!made.ok()) ADD_FAILURE() << made.status();
    return made.ok() ? made->release() : nullptr;
  }();
  return *lab;
}

void OfficesTest::StartLab(const std::vector<std::string>& accounts) {
  if (!NoLab().empty()) return;
  const auto at = [](const std::string& node, const std::string& loopback) {
    return lab().AddressOf(SiteOf(node)) + loopback.substr(loopback.rfind(':'));
  };
  devcluster::Cluster::Options options = {.counts = {.edges = 4}, .accounts = Accounts(accounts)};
  options.await_links = false;
  options.ready_timeout = kPatience;
  for (const auto& [node, site] : Sites()) options.launchers[node] = lab().Launcher(site);
  options.config_changes.mgmt = [at](v1::MgmtConfig* config) {
    config->set_grpc_listen(at("mgmt", config->grpc_listen()));
    config->set_line_listen(at("mgmt", config->line_listen()));
    config->set_open_line_listen(at("mgmt", config->open_line_listen()));
  };
  options.config_changes.edge = [at](v1::EdgeConfig* config) {
    config->set_grpc_listen(at(config->name(), config->grpc_listen()));
    config->set_line_listen(at(config->name(), config->line_listen()));
    config->mutable_line_limits()->set_messages_per_second(1'000'000);
    config->mutable_line_limits()->set_messages_burst(1'000'000);
    config->mutable_line_limits()->set_message_bytes_per_second(1'000'000'000);
    config->mutable_line_limits()->set_message_bytes_burst(1'000'000'000);
  };
  StartCluster(std::move(options));
}

bool OfficesTest::HasLink(const std::string& a, const std::string& b) {
  const auto map = cluster().admin().GetClusterMap();
  if (!map.ok()) return false;
  return std::any_of(map->links().begin(), map->links().end(), [&](const v1::Link& link) {
    return std::minmax(link.from(), link.to()) == std::minmax(a, b);
  });
}

void OfficesTest::AwaitLink(const std::string& a, const std::string& b, bool up) {
  EXPECT_TRUE(Eventually([&] { return HasLink(a, b) == up; }, kPatience))
      << a << "-" << b << (up ? " does not come up" : " does not go down");
}

std::string OfficesTest::Route(const std::string& from, const std::string& to, bool second) {
  const auto found = cluster().admin().ListRoutes(from, to);
  if (!found.ok() || found->routes().empty()) return "";
  const v1::NamedRoute& route = found->routes(0);
  return absl::StrJoin(second ? route.second() : route.best(), ",");
}

void OfficesTest::AwaitRoute(const std::string& from, const std::string& to,
                             const std::string& way) {
  EXPECT_TRUE(Eventually([&] { return Route(from, to) == way; }, kPatience))
      << "from " << from << " to " << to << " it is " << Route(from, to) << ", not " << way;
}

}  // namespace convergia::testing
