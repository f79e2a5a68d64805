#include "tests/model/stored_cluster.h"

#include <cstdlib>
#include <random>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "common/base/clock.h"
#include "common/rpc/auth/credentials.h"

namespace convergia::testing {
namespace {

constexpr absl::Duration kPatience = absl::Minutes(3);
constexpr size_t kMailboxMessages = 30;
constexpr uint64_t kMailboxBytes = 300 * 1024;
constexpr uint64_t kMessageBytes = 100 * 1024;

std::vector<std::string> UsersOf(int party) {
  return {absl::StrCat("p", party, "-ann"), absl::StrCat("p", party, "-bob"),
          absl::StrCat("p", party, "-cid")};
}

// The last name prefers the non-volatile server.
std::vector<std::string> TopNamesOf(int party) {
  return {absl::StrCat("p", party, "-x"), absl::StrCat("p", party, "-y"),
          absl::StrCat("p", party, "-z")};
}

// Each test uses new parties, because the state that older ones left is unknown.
constexpr int kPartiesInAll = StoredClusterTest::kParties * StoredClusterTest::kTestsMax;
int invited_parties = 0;

std::vector<std::string> Everybody() {
  std::vector<std::string> names = {StoredClusterTest::kKeeper};
  for (int party = 0; party < kPartiesInAll; ++party) {
    for (const std::string& user : UsersOf(party)) names.push_back(user);
  }
  for (int i = 0; i < StoredClusterTest::kRivals; ++i) names.push_back(absl::StrCat("rival", i));
  return names;
}

void ConfigureDatamgr(v1::DatamgrConfig* config) {
  config->add_root_admins(StoredClusterTest::kKeeper);
  config->set_mailbox_messages_max(kMailboxMessages);
  config->set_mailbox_bytes_max(kMailboxBytes);
  config->set_message_bytes_max(kMessageBytes);
  config->set_sends_per_minute(1'000'000);
  config->set_prefer(v1::DatamgrConfig::VOLATILE);
  std::vector<std::string> non_volatile = {"probe-n"};
  for (int party = 0; party < kPartiesInAll; ++party) {
    non_volatile.push_back(TopNamesOf(party).back());
  }
  for (const std::string& name : non_volatile) {
    auto* const policy = config->add_folder_policies();
    policy->set_folder(name);
    policy->set_prefer(v1::DatamgrConfig::NON_VOLATILE);
  }
}

template <typename Request, typename Response>
grpc::Status AskDatamgr(grpc::Status (v1::DataAdmin::Stub::*method)(grpc::ClientContext*,
                                                                    const Request&, Response*),
                        const devcluster::Cluster& cluster, const Request& request,
                        Response* response) {
  const auto node = cluster.node("datamgr1");
  const auto channel = rpc::MakeChannel(node->grpc, cluster.operator_files(),
                                        {.role = Role::kDatamgr, .name = "datamgr1"});
  const auto stub = v1::DataAdmin::NewStub(channel);
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  context.set_deadline(absl::ToChronoTime(RealClock::Get().Now() + absl::Seconds(30)));
  return (stub.get()->*method)(&context, request, response);
}

}  // namespace

uint64_t NumberFromEnvironment(const char* name, uint64_t otherwise) {
  const char* const given = std::getenv(name);
  uint64_t number = 0;
  return given != nullptr && absl::SimpleAtoi(given, &number) ? number : otherwise;
}

Rival::Rival(std::unique_ptr<LineClient> client, SharedFile* file, uint64_t seed, bool failures)
    : client_(std::move(client)), file_(*file), rng_(seed), failures_(failures) {
  client_->set_patience(kPatience);
}

bool Rival::TakeSteps(int steps) {
  for (int i = 0; i < steps && failure_.empty(); ++i) {
    if (!(rng_() % 3 == 0 ? Write() : Read())) return false;
  }
  return true;
}

bool Rival::Write() {
  const uint64_t stamp = file_.BeginWrite();
  const auto packet =
      client_->Ask(absl::StrCat("WRITEFILE ", kPath, "\n0\n", SharedFile::BytesOf(stamp)));
  const Answer answer = packet.ok() ? ParseAnswer(*packet) : Fails(packet.status().ToString());
  const bool lost = answer.code == "UNCONFIRMED";
  file_.EndWrite(stamp, answer.ok() ? SharedFile::Outcome::kDone
                        : lost      ? SharedFile::Outcome::kLost
                                    : SharedFile::Outcome::kRefused);
  if (packet.ok() && (answer.ok() || failures_)) return true;
  failure_ = absl::StrCat("a write of a rival was answered ", answer.Shown());
  return false;
}

bool Rival::Read() {
  const int64_t begin = file_.BeginRead();
  const auto packet = client_->Ask(absl::StrCat("READFILE ", kPath, "\n0\n1048576"));
  const Answer answer = packet.ok() ? ParseAnswer(*packet) : Fails(packet.status().ToString());
  if (packet.ok() && !answer.ok() && answer.code != "INTERNAL" && failures_) return true;
  failure_ = answer.ok() ? file_.EndRead(begin, answer.data)
                         : absl::StrCat("a read of a rival was answered ", answer.Shown());
  return failure_.empty();
}

void StoredClusterTest::SetUpTestSuite() {
  StartCluster({.counts = {.datamgr = 1,
                           .edges = 2,
                           .dataservers_volatile = 4,
                           .dataservers_nonvolatile = 1},
                .accounts = Accounts(Everybody()),
                .config_changes = {.datamgr = ConfigureDatamgr}});
}

uint64_t StoredClusterTest::Seed() {
  return NumberFromEnvironment("CVG_SEED", std::random_device()());
}

void StoredClusterTest::InviteParty(int number, uint64_t seed, bool failures) {
  Party::Options options;
  options.commands = {.seed = seed + static_cast<uint64_t>(number),
                      .users = UsersOf(number),
                      .top_names = TopNamesOf(number)};
  options.root_admin = kKeeper;
  options.prefix = absl::StrCat("p", number, "-");
  const std::vector<std::string> names = Everybody();
  options.rules.users.insert(names.begin(), names.end());
  options.rules.root_admin = kKeeper;
  options.rules.mail = {.messages_max = kMailboxMessages,
                        .mailbox_bytes_max = kMailboxBytes,
                        .message_bytes_max = kMessageBytes};
  options.failures = failures;
  auto party = std::make_unique<Party>(options);
  for (const std::string& user : options.commands.users) {
    for (const char* edge : {"edge1", "edge2"}) {
      ASSERT_OK_AND_ASSIGN(auto client, SignIn(edge, user));
      party->AddSession(user, std::move(client));
    }
  }
  ASSERT_OK_AND_ASSIGN(auto keeper, SignIn(number % 2 == 0 ? "edge1" : "edge2", kKeeper));
  party->AddSession(kKeeper, std::move(keeper));
  parties_.push_back(std::move(party));
}

void StoredClusterTest::InviteRivals(uint64_t seed, bool failures) {
  (void)prober_->Ask("CREATEFOLDER /rivals");
  ASSERT_THAT(prober_->Ask("SETPERMISSIONS /rivals\n*\nwrite"), Holds("OK"));
  (void)prober_->Ask(absl::StrCat("CREATEFILE ", Rival::kPath));
  ASSERT_THAT(
      prober_->Ask(absl::StrCat("WRITEFILE ", Rival::kPath, "\n0\n", SharedFile::BytesOf(0))),
      Holds(::testing::StartsWith("OK ")));
  for (int i = 0; i < kRivals; ++i) {
    ASSERT_OK_AND_ASSIGN(auto client,
                         SignIn(i % 2 == 0 ? "edge1" : "edge2", absl::StrCat("rival", i)));
    rivals_.push_back(std::make_unique<Rival>(std::move(client), &shared_file_,
                                              seed + 100 + static_cast<uint64_t>(i), failures));
  }
}

void StoredClusterTest::Invite(uint64_t seed, bool failures) {
  seed_ = seed;
  ASSERT_OK_AND_ASSIGN(prober_, SignIn("edge1", kKeeper));
  prober_->set_patience(kPatience);
  ASSERT_TRUE(AwaitServing(absl::Minutes(1)));
  ASSERT_LE(invited_parties + kParties, kPartiesInAll) << "raise kTestsMax";
  for (int i = 0; i < kParties; ++i) {
    ASSERT_NO_FATAL_FAILURE(InviteParty(invited_parties++, seed, failures));
  }
  ASSERT_NO_FATAL_FAILURE(InviteRivals(seed, failures));
}

void StoredClusterTest::StartWork(int64_t steps) {
  stop_ = false;
  parties_at_work_ = kParties;
  for (const auto& party : parties_) {
    workers_.emplace_back([this, steps, party = party.get()] {
      constexpr int64_t kTurn = 20;
      bool fine = true;
      for (int64_t taken = 0; fine && !stop_ && taken < steps; taken += kTurn) {
        fine = party->TakeSteps(kTurn);
      }
      if (!fine) failed_ = true;
      --parties_at_work_;
    });
  }
  for (const auto& rival : rivals_) {
    workers_.emplace_back([this, rival = rival.get()] {
      bool fine = true;
      while (fine && !stop_ && parties_at_work_ > 0) fine = rival->TakeSteps(5);
      if (!fine) failed_ = true;
    });
  }
}

void StoredClusterTest::JoinWork() {
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

void StoredClusterTest::StopWork() {
  stop_ = true;
  JoinWork();
}

void StoredClusterTest::CheckWork() {
  for (const auto& party : parties_) EXPECT_EQ(party->failure(), "") << "CVG_SEED=" << seed_;
  for (const auto& rival : rivals_) EXPECT_EQ(rival->failure(), "") << "CVG_SEED=" << seed_;
}

void StoredClusterTest::KeepSessions() {
  for (const auto& party : parties_) party->Ping();
}

void StoredClusterTest::CompareAll() {
  for (const auto& party : parties_) {
    EXPECT_TRUE(party->CompareAll()) << party->failure() << "CVG_SEED=" << seed_;
  }
}

Party::Figures StoredClusterTest::Sum() const {
  Party::Figures sum;
  for (const auto& party : parties_) {
    const Party::Figures& figures = party->figures();
    sum.steps += figures.steps;
    sum.done += figures.done;
    sum.lost += figures.lost;
    sum.refused += figures.refused;
    sum.possibilities_max = std::max(sum.possibilities_max, figures.possibilities_max);
    sum.slowest = std::max(sum.slowest, figures.slowest);
  }
  return sum;
}

std::string StoredClusterTest::Figures() const {
  const Party::Figures sum = Sum();
  return absl::StrCat(sum.steps, " steps, ", sum.done, " OK, ", sum.lost, " unconfirmed, ",
                      sum.refused, " refused; at most ", sum.possibilities_max,
                      " possibilities; slowest batch ", absl::FormatDuration(sum.slowest));
}

bool StoredClusterTest::AwaitServing(absl::Duration patience) {
  const auto serves = [&](const std::string& folder) {
    const std::string path = absl::StrCat("/", folder, "/f");
    (void)prober_->Ask(absl::StrCat("CREATEFOLDER /", folder));
    (void)prober_->Ask(absl::StrCat("CREATEFILE ", path));
    return prober_->Ask(absl::StrCat("WRITEFILE ", path, "\n0\nprobe")).value_or("") == "OK 5" &&
           prober_->Ask(absl::StrCat("READFILE ", path, "\n0\n5")).value_or("") == "OK probe";
  };
  return Eventually([&] { return serves("probe-v") && serves("probe-n"); }, patience);
}

bool StoredClusterTest::AwaitDown(absl::Duration patience) {
  return Eventually(
      [&] {
        return absl::StartsWith(prober_->Ask("LISTFOLDER /").value_or(""), "FAIL STORAGEDOWN ");
      },
      patience);
}

v1::GetRepairStatusResponse StoredClusterTest::RepairStatus() {
  v1::GetRepairStatusResponse status;
  const grpc::Status answered =
      AskDatamgr(&v1::DataAdmin::Stub::GetRepairStatus, cluster(), {}, &status);
  EXPECT_TRUE(answered.ok()) << answered.error_message();
  return status;
}

void StoredClusterTest::SetPolicy(const v1::RepairPolicy& policy) {
  v1::RepairPolicy whole;
  const grpc::Status answered =
      AskDatamgr(&v1::DataAdmin::Stub::SetRepairPolicy, cluster(), policy, &whole);
  EXPECT_TRUE(answered.ok()) << answered.error_message();
}

uint64_t StoredClusterTest::VolumeCount() {
  uint64_t count = 0;
  v1::ListVolumesRequest page;
  v1::ListVolumesResponse volumes;
  do {
    const grpc::Status answered =
        AskDatamgr(&v1::DataAdmin::Stub::ListVolumes, cluster(), page, &volumes);
    EXPECT_TRUE(answered.ok()) << answered.error_message();
    count += static_cast<uint64_t>(volumes.volumes_size());
    if (volumes.volumes_size() > 0) page.set_after(volumes.volumes().rbegin()->volume());
  } while (volumes.more());
  return count;
}

bool StoredClusterTest::IsWhole(std::string* why) {
  const v1::GetRepairStatusResponse status = RepairStatus();
  v1::ListVolumesRequest ailing;
  ailing.set_only_ailing(true);
  v1::ListVolumesResponse volumes;
  if (!AskDatamgr(&v1::DataAdmin::Stub::ListVolumes, cluster(), ailing, &volumes).ok()) {
    return false;
  }
  *why = absl::StrCat(status.ShortDebugString(), "\n", volumes.ShortDebugString());
  return volumes.volumes().empty() && status.missing_volumes() == 0 &&
         status.chunks_waiting() == 0 && status.jobs().empty();
}

}  // namespace convergia::testing
