#include "common/disk/rocks_env.h"

#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include "absl/strings/str_cat.h"
#include "common/base/testing/status_testing.h"
#include "common/disk/testing/faulty_disk.h"

namespace convergia::disk {
namespace {

rocksdb::Options OptionsOn(rocksdb::Env* env) {
  rocksdb::Options options;
  options.env = env;
  options.create_if_missing = true;
  options.write_buffer_size = 16 * 1024;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

std::unique_ptr<rocksdb::DB> OpenOn(rocksdb::Env* env) {
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened = rocksdb::DB::Open(OptionsOn(env), "/db", &db);
  if (!opened.ok()) ADD_FAILURE() << opened.ToString();
  return std::unique_ptr<rocksdb::DB>(db);
}

// Writes rows with synced writes until the power goes; returns how many were acknowledged.
int WriteRows(rocksdb::Env* env, int rows) {
  rocksdb::DB* raw = nullptr;
  if (!rocksdb::DB::Open(OptionsOn(env), "/db", &raw).ok()) return 0;
  const std::unique_ptr<rocksdb::DB> db(raw);
  rocksdb::WriteOptions synced;
  synced.sync = true;
  for (int i = 0; i < rows; ++i) {
    if (!db->Put(synced, absl::StrCat("row", i), std::string(1000, 'v')).ok()) return i;
    if (i % 8 == 7 && !db->Flush({}).ok()) return i + 1;
  }
  return rows;
}

TEST(RocksEnvTest, SyncedRowsOutliveAPowerCutAtEverySync) {
  constexpr int kRows = 20;
  for (int cut = 1;; ++cut) {
    for (const auto loss : {FaultyDisk::Loss::kAll, FaultyDisk::Loss::kSome}) {
      SCOPED_TRACE(absl::StrCat("cut at sync ", cut));
      FaultyDisk disk;
      ASSERT_OK(disk.MakeFolder("/db"));
      ASSERT_OK(disk.SyncFolder("/"));
      const std::unique_ptr<rocksdb::Env> env = MakeRocksEnv(disk);
      disk.CutPowerAtSync(cut);
      const int acknowledged = WriteRows(env.get(), kRows);
      const bool finished = !disk.power_is_cut();
      disk.PowerOn(loss, cut);
      const std::unique_ptr<rocksdb::DB> db = OpenOn(env.get());
      ASSERT_NE(db, nullptr);
      for (int i = 0; i < acknowledged; ++i) {
        std::string value;
        ASSERT_TRUE(db->Get({}, absl::StrCat("row", i), &value).ok()) << "row " << i;
        ASSERT_EQ(value, std::string(1000, 'v'));
      }
      if (finished) {
        EXPECT_GT(cut, kRows) << "every row is one sync";
        return;
      }
    }
  }
}

TEST(RocksEnvTest, ASecondOpenIsRefused) {
  FaultyDisk disk;
  const std::unique_ptr<rocksdb::Env> env = MakeRocksEnv(disk);
  const std::unique_ptr<rocksdb::DB> db = OpenOn(env.get());
  rocksdb::DB* second = nullptr;
  EXPECT_TRUE(rocksdb::DB::Open(OptionsOn(env.get()), "/db", &second).IsIOError());
}

}  // namespace
}  // namespace convergia::disk
