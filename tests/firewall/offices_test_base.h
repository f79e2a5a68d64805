#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "tests/cluster/cluster_test_base.h"
#include "tests/firewall/network_lab.h"

namespace convergia::testing {

// A cluster in a NetworkLab: edge1 and edge2 each in an office whose firewall lets nobody in, edge3
// and edge4 in public, mgmt at headquarters, and a site for people at home. Its binary's main()
// sets NoLab() to what ReenterInNamespaces() says.
class OfficesTest : public ClusterTest {
 public:
  // Why there is no lab on this machine; empty if there is one.
  static std::string& NoLab();

 protected:
  static constexpr absl::Duration kPatience = absl::Seconds(120);

  void SetUp() override;

  static NetworkLab& lab();
  // Does nothing where there is no lab.
  static void StartLab(const std::vector<std::string>& accounts);
  static const std::string& SiteOf(const std::string& node);

  // ---- What mgmt says.

  static bool HasLink(const std::string& a, const std::string& b);
  static void AwaitLink(const std::string& a, const std::string& b, bool up = true);
  // "edge3,edge2"; empty: there is none.
  static std::string Route(const std::string& from, const std::string& to, bool second = false);
  static void AwaitRoute(const std::string& from, const std::string& to, const std::string& way);
};

// How many bytes went between two sites since this was made.
class Meter {
 public:
  Meter(NetworkLab* lab, std::string a, std::string b)
      : lab_(*lab), a_(std::move(a)), b_(std::move(b)), start_(lab_.BytesBetween(a_, b_)) {}
  uint64_t bytes() const { return lab_.BytesBetween(a_, b_) - start_; }

 private:
  const NetworkLab& lab_;
  const std::string a_, b_;
  const uint64_t start_;
};

}  // namespace convergia::testing
