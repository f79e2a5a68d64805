// Cuts the power of a whole site at one sync after the other. datamgr's store, its catalog and the
// chunk stores of four data servers lose everything that was not synced. After each cut, every
// change that users were told to be done is there. Every other change is there wholly or not at
// all.
//
// CONVERGIA_POWER_SEED sets the first seed. CONVERGIA_POWER_ROUNDS sets the number of seeds; then
// each seed cuts at every sync. Without it, two seeds cut at every third sync.
#include <glog/logging.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/base/random.h"
#include "common/base/testing/status_testing.h"
#include "common/disk/testing/faulty_disk.h"
#include "common/store/rocks/rocks_store.h"
#include "datamgr/catalog/catalog.h"
#include "datamgr/scheduler/request_scheduler.h"
#include "dataserver/store/chunk_store.h"
#include "tests/storage/storage_cluster.h"

namespace convergia::testing {
namespace {

using datamgr::ClassPreference;
using datamgr::VolumeClass;
using disk::FaultyDisk;

constexpr int kUsers = 3;
constexpr int kVolatileServers = 3;
constexpr int kServers = 4;
constexpr int kStepsPerCut = 10;  // Of each user.
// The disk keeps two copies of everything in memory, so replace it after this many cuts.
constexpr int kCutsPerDisk = 24;
constexpr uint64_t kStream = 1;  // The stream of the only edge.
constexpr uint64_t kSegmentBytes = 256 * 1024;
constexpr absl::Duration kPatience = absl::Seconds(60);

// Everything that one user can see.
struct Sight {
  std::map<std::string, std::string> files;  // By name, below the user's folder.
  std::vector<std::string> mail;
  std::string colour;  // A metadata value.

  friend bool operator==(const Sight&, const Sight&) = default;
};

// Describes a sight without all its bytes.
std::string Brief(const Sight& sight) {
  std::string text = absl::StrCat(sight.mail.size(), " messages, colour ", sight.colour);
  for (const auto& [name, bytes] : sight.files) {
    absl::StrAppend(&text, ", ", name, " of ", bytes.size(), " #", std::hash<std::string>()(bytes));
  }
  return text;
}

class AnyUser final : public datamgr::UserLookup {
 public:
  void CheckExist(std::vector<std::string> /*users*/,
                  absl::AnyInvocable<void(absl::Status)> done) override {
    done(absl::OkStatus());
  }
};

// datamgr and its data servers on one disk, without edges.
class Site {
 public:
  explicit Site(absl::Duration trash_grace) : trash_grace_(trash_grace) {}
  ~Site() { Stop(); }

  FaultyDisk& disk() { return disk_; }

  void Start() {
    ASSERT_OK(OpenStore());
    catalog_ = *datamgr::Catalog::Open(*store_, RealClock::Get(),
                                       {.root_admins = {"root"}, .trash_grace = trash_grace_});
    live_ = std::make_unique<datamgr::CatalogChunks>(*store_);
    StorageCluster::Options options;
    options.disk = &disk_;
    options.store = store_.get();
    options.live = live_.get();
    options.segment_bytes = kSegmentBytes;
    options.streams = 1;
    cluster_ = std::make_unique<StorageCluster>(options);
    for (int i = 1; i <= kServers; ++i) {
      cluster_->AddServer(i <= kVolatileServers ? VolumeClass::kVolatile
                                                : VolumeClass::kNonVolatile);
    }
    scheduler_ = std::make_unique<datamgr::RequestScheduler>(
        datamgr::RequestScheduler::Deps{.catalog = catalog_.get(),
                                        .chunks = &cluster_->layer(),
                                        .users = &users_,
                                        .prefer = PreferenceOf,
                                        .announce = [](const auto&) {}});
    scheduler_->Start();
    scheduler_->Open(kStream);
  }

  void Stop() {
    // The scheduler must outlive the chunk layer's callbacks.
    if (cluster_ != nullptr) cluster_->layer().Stop();
    scheduler_.reset();
    cluster_.reset();
    catalog_.reset();
    live_.reset();
    store_.reset();
  }

  // Opens all stores like a start, and cuts the power at `sync` meanwhile.
  void OpenAndCut(int sync) {
    disk_.CutPowerAtSync(sync);
    if (OpenStore().ok()) {
      (void)datamgr::Catalog::Open(*store_, RealClock::Get(), {});
    }
    for (int i = 1; i <= kServers; ++i) {
      (void)dataserver::ChunkStore::Open({.disk = &disk_,
                                          .clock = &RealClock::Get(),
                                          .dir = absl::StrCat("/d", i),
                                          .owner = {"cluster", absl::StrCat("d", i)},
                                          .segment_bytes = kSegmentBytes,
                                          .does_housekeeping = false});
    }
    store_.reset();
    disk_.CutPower();
  }

  v1::DataResponse Ask(int user, v1::DataRequest request) {
    struct Pending {
      absl::Notification came;
      v1::DataResponse response;
    };
    auto pending = std::make_shared<Pending>();
    request.set_user(NameOf(user));
    scheduler_->Handle({kStream, static_cast<uint64_t>(user)}, std::move(request),
                       [pending](v1::DataResponse response) {
                         pending->response = std::move(response);
                         pending->came.Notify();
                       });
    CHECK(pending->came.WaitForNotificationWithTimeout(kPatience)) << "no answer";
    return pending->response;
  }

  // Counts the chunks that the catalog needs and that some replica lacks.
  int ChunksWithTooFewCopies() {
    std::vector<uint64_t> volumes;
    {
      absl::MutexLock lock(&cluster_->layer().state().mu());
      for (const auto& [id, volume] : cluster_->layer().state().volumes().volumes()) {
        volumes.push_back(id);
      }
    }
    int ailing = 0;
    for (const uint64_t volume : volumes) {
      const auto refs = live_->ListLive(volume, 0, 10'000);
      EXPECT_OK(refs);
      for (const datamgr::ChunkRef& ref : *refs) {
        if (cluster_->CopiesOf(ref) < cluster_->WantedOf(ref)) ++ailing;
      }
    }
    return ailing;
  }

  static std::string NameOf(int user) { return absl::StrCat("user", user); }
  static std::string PathOf(int user, const std::string& file) {
    return absl::StrCat("/", NameOf(user), "/", file);
  }

 private:
  absl::Status OpenStore() {
    auto store = store::RocksStore::Open(
        {.dir = "/datamgr", .write_buffer_bytes = 64 * 1024, .disk = &disk_});
    if (store.ok()) store_ = *std::move(store);
    return store.status();
  }

  static ClassPreference PreferenceOf(absl::string_view path) {
    return absl::StartsWith(path, "/user1/") ? ClassPreference::kNonVolatile
                                             : ClassPreference::kVolatile;
  }

  const absl::Duration trash_grace_;
  FaultyDisk disk_;
  AnyUser users_;
  std::unique_ptr<store::RocksStore> store_;
  std::unique_ptr<datamgr::Catalog> catalog_;
  std::unique_ptr<datamgr::CatalogChunks> live_;
  std::unique_ptr<StorageCluster> cluster_;
  std::unique_ptr<datamgr::RequestScheduler> scheduler_;
};

// A user that takes random steps and remembers what was acknowledged. One thread at a time.
class User {
 public:
  User(Site* site, int number, uint64_t seed) : site_(site), number_(number), rng_(seed) {}

  void MakeFolder() {
    v1::DataRequest request;
    request.mutable_create_folder()->set_path("/" + Site::NameOf(number_));
    ASSERT_EQ(site_->Ask(number_, request).fail_code(), "");
  }

  // Takes `steps` steps, or fewer if the power is cut.
  void Act(int steps) {
    for (int i = 0; i < steps && !lost_power_; ++i) ActOnce();
  }

  // After a start: every acknowledged step must be there, and the last step wholly or not at all.
  void Check() {
    const Sight seen = Look();
    if (maybe_.has_value() && seen == *maybe_) sure_ = seen;
    EXPECT_TRUE(seen == sure_) << Site::NameOf(number_) << "\n sees " << Brief(seen) << "\n owed "
                               << Brief(sure_) << "\n after " << last_
                               << (maybe_ ? absl::StrCat("\n or " + Brief(*maybe_)) : "");
    maybe_.reset();
    lost_power_ = false;
  }

 private:
  // Sends `request`. If it succeeds, the user sees `after`.
  void Do(std::string what, const v1::DataRequest& request, Sight after) {
    last_ = std::move(what);
    const v1::DataResponse response = site_->Ask(number_, request);
    if (response.fail_code().empty()) {
      sure_ = std::move(after);
      return;
    }
    EXPECT_TRUE(site_->disk().power_is_cut())
        << last_ << ": " << response.fail_code() << " " << response.text();
    lost_power_ = true;
    maybe_ = std::move(after);
  }

  void ActOnce() {
    const uint64_t lot = rng_() % 16;
    if (lot < 2 || sure_.files.empty()) return Create();
    if (lot < 10) return Write();
    if (lot < 11) return Truncate();
    if (lot < 12) return Move();
    if (lot < 13) return Delete();
    if (lot < 15) return Send();
    Sight after = sure_;
    after.colour = absl::StrCat("colour", rng_() % 1000);
    v1::DataRequest request;
    request.mutable_set_metadata()->set_key("colour");
    request.mutable_set_metadata()->set_value(after.colour);
    Do("metadata", request, after);
  }

  std::string AnyFile() {
    auto it = sure_.files.begin();
    std::advance(it, static_cast<long>(rng_() % sure_.files.size()));
    return it->first;
  }

  void Create() {
    if (sure_.files.size() >= 6) return Delete();
    const std::string name = absl::StrCat("f", ++named_);
    Sight after = sure_;
    after.files[name] = "";
    v1::DataRequest request;
    request.mutable_create_file()->set_path(Site::PathOf(number_, name));
    Do("create " + name, request, after);
  }

  std::string SomeBytes() {
    const size_t length = 1 + rng_() % (rng_() % 4 == 0 ? 100'000 : 5'000);
    std::string bytes(length, '\0');
    for (char& byte : bytes) byte = static_cast<char>(rng_());
    return bytes;
  }

  void Write() {
    const std::string name = AnyFile();
    Sight after = sure_;
    std::string& contents = after.files[name];
    const size_t offset = rng_() % (contents.size() + 1);
    const std::string bytes = SomeBytes();
    contents.resize(std::max(contents.size(), offset + bytes.size()));
    contents.replace(offset, bytes.size(), bytes);
    v1::DataRequest request;
    request.mutable_write_file()->set_path(Site::PathOf(number_, name));
    request.mutable_write_file()->set_offset(offset);
    request.mutable_write_file()->set_data(bytes);
    Do(absl::StrCat("write ", bytes.size(), " to ", name, " at ", offset), request, after);
  }

  void Truncate() {
    const std::string name = AnyFile();
    Sight after = sure_;
    after.files[name].resize(rng_() % (after.files[name].size() + 1));
    v1::DataRequest request;
    request.mutable_truncate_file()->set_path(Site::PathOf(number_, name));
    request.mutable_truncate_file()->set_bytes(after.files[name].size());
    Do("truncate " + name, request, after);
  }

  void Move() {
    const std::string from = AnyFile();
    const std::string to = absl::StrCat("f", ++named_);
    Sight after = sure_;
    after.files[to] = after.files[from];
    after.files.erase(from);
    v1::DataRequest request;
    request.mutable_move()->set_from(Site::PathOf(number_, from));
    request.mutable_move()->set_to(Site::PathOf(number_, to));
    Do("move " + from, request, after);
  }

  void Delete() {
    const std::string name = AnyFile();
    Sight after = sure_;
    after.files.erase(name);
    v1::DataRequest request;
    request.mutable_delete_file()->set_path(Site::PathOf(number_, name));
    Do("delete " + name, request, after);
  }

  // Sends a message to the user itself. A draft is invisible until it is sent.
  void Send() {
    v1::DataRequest init;
    init.mutable_init_message()->add_to(Site::NameOf(number_));
    const v1::DataResponse draft = site_->Ask(number_, init);
    if (!draft.fail_code().empty()) return Do("draft", init, sure_);
    v1::DataRequest append;
    append.mutable_append_message()->set_draft(draft.number());
    append.mutable_append_message()->set_data(SomeBytes());
    Do("append to a draft", append, sure_);
    if (lost_power_) return;
    Sight after = sure_;
    after.mail.push_back(append.append_message().data());
    v1::DataRequest send;
    send.mutable_send_message()->set_draft(draft.number());
    Do("send", send, after);
  }

  v1::DataResponse MustAsk(const v1::DataRequest& request) {
    v1::DataResponse response = site_->Ask(number_, request);
    EXPECT_EQ(response.fail_code(), "") << response.text() << ": " << request.ShortDebugString();
    return response;
  }

  std::string ReadFile(const std::string& name, uint64_t size) {
    std::string bytes;
    while (bytes.size() < size) {
      v1::DataRequest read;
      read.mutable_read_file()->set_path(Site::PathOf(number_, name));
      read.mutable_read_file()->set_offset(bytes.size());
      read.mutable_read_file()->set_length(size - bytes.size());
      const std::string part = MustAsk(read).data();
      if (part.empty()) return bytes;
      bytes += part;
    }
    return bytes;
  }

  Sight Look() {
    Sight sight;
    v1::DataRequest list;
    list.mutable_list_folder()->set_path("/" + Site::NameOf(number_));
    list.mutable_list_folder()->set_limit(1000);
    const v1::DataResponse folder = MustAsk(list);
    for (const v1::FolderRow& row : folder.folder().rows()) {
      sight.files[row.name()] = ReadFile(row.name(), row.bytes());
    }
    v1::DataRequest mail;
    mail.mutable_list_messages()->set_limit(1000);
    const v1::DataResponse messages = MustAsk(mail);
    for (const v1::MessageRow& row : messages.messages().rows()) {
      v1::DataRequest read;
      read.mutable_read_message()->set_message(row.id());
      read.mutable_read_message()->set_length(row.bytes());
      sight.mail.push_back(MustAsk(read).data());
    }
    v1::DataRequest get;
    get.mutable_get_metadata()->set_user(Site::NameOf(number_));
    get.mutable_get_metadata()->set_key("colour");
    const v1::DataResponse colour = site_->Ask(number_, get);
    if (colour.fail_code() != "NOTFOUND") sight.colour = colour.data();
    return sight;
  }

  Site* const site_;
  const int number_;
  Rng rng_;
  int named_ = 0;
  bool lost_power_ = false;
  std::string last_;
  Sight sure_;
  std::optional<Sight> maybe_;  // If the last step was not acknowledged: its result.
};

// One disk and its users, through many cuts.
class Life {
 public:
  Life(uint64_t seed, absl::Duration trash_grace) : rng_(seed), site_(trash_grace) {
    for (int i = 0; i < kUsers; ++i) users_.emplace_back(&site_, i, rng_());
    site_.Start();
    for (User& user : users_) user.MakeFolder();
  }

  // Returns false if all users finished before the cut.
  bool CutAt(int sync) {
    site_.disk().CutPowerAtSync(sync);
    std::vector<std::thread> threads;
    for (User& user : users_) threads.emplace_back([&user] { user.Act(kStepsPerCut); });
    for (std::thread& thread : threads) thread.join();
    const bool was_cut = site_.disk().power_is_cut();
    Lose();
    // Cut again during the start: recovery has its own syncs.
    site_.OpenAndCut(1 + static_cast<int>(rng_() % 16));
    Lose();
    site_.Start();
    for (User& user : users_) user.Check();
    return was_cut;
  }

  int ChunksWithTooFewCopies() { return site_.ChunksWithTooFewCopies(); }

 private:
  void Lose() {
    site_.disk().CutPower();
    site_.Stop();
    const auto loss = rng_() % 2 == 0 ? FaultyDisk::Loss::kAll : FaultyDisk::Loss::kSome;
    site_.disk().PowerOn(loss, rng_());
  }

  Rng rng_;
  Site site_;
  std::vector<User> users_;
};

// Cuts at one sync in every `stride` until the users finish without a cut. Returns that sync.
int CutEverywhere(uint64_t seed, int stride, absl::Duration trash_grace) {
  int sync = 1 + static_cast<int>(seed % static_cast<uint64_t>(stride));
  while (!::testing::Test::HasFailure()) {
    Life life(seed + static_cast<uint64_t>(sync), trash_grace);
    for (int i = 0; i < kCutsPerDisk && !::testing::Test::HasFailure(); ++i, sync += stride) {
      SCOPED_TRACE(absl::StrCat("seed ", seed, ", power cut at sync ", sync));
      if (!life.CutAt(sync)) return sync;
      if (trash_grace > absl::Minutes(1)) {
        EXPECT_EQ(life.ChunksWithTooFewCopies(), 0);
      }
    }
  }
  return sync;
}

uint64_t NumberFrom(const char* variable, uint64_t otherwise) {
  uint64_t number = 0;
  const char* const text = std::getenv(variable);
  return text != nullptr && absl::SimpleAtoi(text, &number) ? number : otherwise;
}

TEST(PowerCutTest, NothingAcknowledgedIsLostAndNothingIsHalfDone) {
  const bool is_long = std::getenv("CONVERGIA_POWER_ROUNDS") != nullptr;
  const uint64_t first = NumberFrom("CONVERGIA_POWER_SEED", std::random_device()());
  const uint64_t rounds = NumberFrom("CONVERGIA_POWER_ROUNDS", 2);
  for (uint64_t seed = first; seed < first + rounds && !HasFailure(); ++seed) {
    // Deleted chunks go at once, or stay so that each copy can be checked.
    const absl::Duration grace = seed % 2 == 0 ? absl::Milliseconds(50) : absl::Hours(1);
    const int last = CutEverywhere(seed, is_long ? 1 : 3, grace);
    EXPECT_GT(last, 20) << "users sync too little to prove anything";
    std::cout << "seed " << seed << ": cut up to sync " << last << std::endl;
  }
}

}  // namespace
}  // namespace convergia::testing
