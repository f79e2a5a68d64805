// People with the real client in offices that let nobody in, and at home: the client asks mgmt,
// tries all main servers, reports what it found and goes where mgmt sends it. Then walls are closed
// and opened, loudly and silently, and a main server dies, while they talk; with mgmt and without.

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"
#include "common/identity/files.h"
#include "tests/firewall/offices_test_base.h"
#include "tests/testing/talker.h"

namespace convergia::testing {
namespace {

struct Person {
  const char* name;
  const char* site;
  const char* to;  // The person they talk to.
};
// Those at home come first: what they cannot reach tells mgmt which main servers stand behind
// walls.
constexpr Person kPeople[] = {
    {"hal", "home", "ida"},    {"ida", "home", "hal"},    {"ann", "office1", "bea"},
    {"bea", "office1", "ann"}, {"cai", "office1", "dan"}, {"dan", "office2", "cai"},
    {"eli", "office2", "fay"}, {"fay", "office1", "eli"},
};
constexpr int kBodyBytes = 100;  // At least, of a Talker's message.
constexpr int kRound = 200;

class ClientsTest : public OfficesTest {
 public:
  static void SetUpTestSuite() {
    std::vector<std::string> names;
    for (const Person& person : kPeople) names.push_back(person.name);
    StartLab(names);
  }

 protected:
  static absl::StatusOr<client::ClientOptions> OptionsOf(const std::string& user) {
    CVG_ASSIGN_OR_RETURN(const auto mgmt, cluster().node("mgmt"));
    client::ClientOptions options;
    CVG_ASSIGN_OR_RETURN(options.management, client::Address::Parse(mgmt.line));
    CVG_ASSIGN_OR_RETURN(options.ca_pem, identity::ReadFileToString(CaFile()));
    options.user = user;
    options.password = PasswordOf(user);
    options.probe_timeout = absl::Seconds(1);  // Walls say nothing.
    return options;
  }

  void SignAllIn() {
    for (const char* const office : {"edge1", "edge2"}) {
      AwaitLink(office, "edge3");
      AwaitLink(office, "edge4");
    }
    for (const Person& person : kPeople) {
      ASSERT_OK_AND_ASSIGN(const auto options, OptionsOf(person.name));
      auto& talker = talkers_[person.name];
      talker =
          lab().Within(person.site, [&] { return std::make_unique<Talker>(options, person.to); });
      SCOPED_TRACE(person.name);
      ASSERT_OK(talker->Connect());
    }
    ASSERT_TRUE(Eventually(
        [] {
          const auto map = cluster().admin().GetClusterMap();
          return map.ok() && map->users_online() == std::size(kPeople);
        },
        kPatience));
    for (const Person& person : kPeople) ExpectIsWhereTheyBelong(person);
  }
  void ExpectIsWhereTheyBelong(const Person& person) {
    const std::string server = talkers_.at(person.name)->server();
    if (std::string(person.site) == "home") {
      EXPECT_TRUE(server == "edge3" || server == "edge4") << person.name << " is at " << server;
    } else {
      EXPECT_EQ(SiteOf(server), person.site) << person.name << " is at " << server;
    }
  }
  // Each asks for each, until all know where all are; before anybody talks.
  void ExpectAllReachAll() {
    for (const Person& from : kPeople) {
      for (const Person& to : kPeople) {
        EXPECT_TRUE(Eventually([&] { return talkers_.at(from.name)->Reaches(to.name); }, kPatience))
            << from.name << " does not reach " << to.name;
      }
    }
  }

  // So that each of `names` has been told OK for `more` messages since.
  void AwaitSaid(const std::vector<std::string>& names, int more) {
    std::map<std::string, int> until;
    for (const std::string& name : names) until[name] = talkers_.at(name)->delivered() + more;
    EXPECT_TRUE(Eventually(
        [&] {
          for (const auto& [name, count] : until) {
            if (talkers_.at(name)->delivered() < count) return false;
          }
          return true;
        },
        kPatience))
        << "messages do not get through";
  }
  static std::vector<std::string> Between() { return {"cai", "dan", "eli", "fay"}; }

  // Each message answered OK came once and in its place. The others may have come.
  void CheckNothingIsLost(const std::vector<std::string>& names) {
    int delivered = 0, unconfirmed = 0, failed = 0;
    for (const std::string& name : names) talkers_.at(name)->Hush();
    for (const Person& person : kPeople) {
      if (std::find(names.begin(), names.end(), person.name) == names.end()) continue;
      SCOPED_TRACE(person.name);
      const auto answers = talkers_.at(person.name)->answers();
      std::vector<int> said;
      for (const auto& [number, status] : answers) {
        if (status.ok()) {
          said.push_back(number);
          ++delivered;
        } else if (FailCodeOf(status) == FailCode::kUnconfirmed) {
          ++unconfirmed;
        } else {
          ++failed;
        }
      }
      Talker& hearer = *talkers_.at(person.to);
      std::vector<int> heard;
      EXPECT_TRUE(Eventually(
          [&] {
            heard.clear();
            for (const int number : hearer.heard()) {
              const auto answer = answers.find(number);
              if (answer == answers.end() || answer->second.ok()) heard.push_back(number);
            }
            return heard.size() >= said.size();
          },
          kPatience));
      EXPECT_EQ(heard, said);
      const std::vector<int> all = hearer.heard();
      EXPECT_TRUE(std::adjacent_find(all.begin(), all.end(), std::greater_equal<>()) == all.end())
          << "out of order or doubled";
    }
    std::printf("%d delivered in order, once; %d answered UNCONFIRMED, %d with another FAIL\n",
                delivered, unconfirmed, failed);
  }

  // Messages between the offices go over `edge`.
  void ExpectGoesOver(const std::string& edge) {
    SCOPED_TRACE(absl::StrCat("over ", edge));
    const Meter way(&lab(), "office1", SiteOf(edge));
    AwaitSaid(Between(), kRound);
    EXPECT_GT(way.bytes(), Between().size() * kRound * kBodyBytes / 2);
  }
  // Does `close` to the way that is taken, has all take the other, and undoes it; all under load.
  void Detour(const char* what,
              const std::function<void(const std::string& site, bool on)>& close) {
    SCOPED_TRACE(what);
    const std::string near = NearNow(), far = near == "edge3" ? "edge4" : "edge3";
    close(SiteOf(near), true);
    const Meter detour(&lab(), "office1", SiteOf(far));
    EXPECT_TRUE(Eventually([&] { return detour.bytes() > 20'000; }, kPatience)) << "no detour";
    ExpectGoesOver(far);
    close(SiteOf(near), false);
    AwaitSaid(Between(), kRound);
  }
  // Over which public main server the offices talk now, by what the firewall counts.
  std::string NearNow() {
    const Meter three(&lab(), "office1", SiteOf("edge3")), four(&lab(), "office1", SiteOf("edge4"));
    AwaitSaid(Between(), kRound);
    return three.bytes() > four.bytes() ? "edge3" : "edge4";
  }
  void CloseAndOpenWalls() {
    Detour("a wall that refuses", [](const std::string& site, bool on) {
      ASSERT_OK(lab().SetRefused("office1", site, on));
    });
    Detour("a wall that says nothing", [](const std::string& site, bool on) {
      ASSERT_OK(lab().SetClosed("office1", site, on));
    });
  }
  void KillAndRestartWhatIsNear() {
    const std::string near = NearNow(), far = near == "edge3" ? "edge4" : "edge3";
    ASSERT_OK(cluster().Kill(near));
    ExpectGoesOver(far);
    ASSERT_OK(cluster().Restart(near));
    AwaitSaid(Between(), kRound);
  }

  std::map<std::string, std::unique_ptr<Talker>> talkers_;
};

TEST_F(ClientsTest, AllGoesOnWithMgmtAndWithout) {
  ASSERT_NO_FATAL_FAILURE(SignAllIn());
  ExpectAllReachAll();
  {
    SCOPED_TRACE("what is said in an office stays there");
    const uint64_t before = lab().BytesOf("office1");
    for (const char* const name : {"ann", "bea"}) talkers_.at(name)->Talk();
    AwaitSaid({"ann", "bea"}, 10 * kRound);
    const uint64_t left = lab().BytesOf("office1") - before;
    CheckNothingIsLost({"ann", "bea"});
    const size_t said = 2 * 10 * kRound * kBodyBytes;
    EXPECT_LT(left, said / 4) << "it went over the office's wire";
    std::printf("%zu bytes were said inside, %zu went over the wire\n", said,
                static_cast<size_t>(left));
  }
  for (const std::string& name : Between()) talkers_.at(name)->Talk();
  {
    SCOPED_TRACE("with mgmt");
    ExpectGoesOver(Route("edge1", "edge2").substr(0, 5));
    CloseAndOpenWalls();
    KillAndRestartWhatIsNear();
    AwaitLink("edge1", "edge3");
    AwaitLink("edge1", "edge4");
  }
  ASSERT_OK(cluster().Kill("mgmt"));
  {
    SCOPED_TRACE("without mgmt");
    CloseAndOpenWalls();
    KillAndRestartWhatIsNear();
  }
  CheckNothingIsLost(Between());
  ExpectAllReachAll();
}

}  // namespace
}  // namespace convergia::testing

int main(int argc, char** argv) {
  convergia::testing::OfficesTest::NoLab() = convergia::testing::ReenterInNamespaces(argc, argv);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
