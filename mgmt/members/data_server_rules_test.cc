#include "mgmt/members/data_server_rules.h"

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"

namespace convergia::mgmt {
namespace {

using Change = v1::ConfigureDataServerRequest;

void AddLabel(absl::string_view key, absl::string_view value, Change* change) {
  v1::Label* label = change->mutable_labels()->add_labels();
  label->set_key(std::string(key));
  label->set_value(std::string(value));
}

TEST(DataServerRulesTest, AreVolatileUntilSomebodySaysOtherwise) {
  EXPECT_EQ(DefaultConfiguration().storage_class(), v1::STORAGE_CLASS_VOLATILE);
}

TEST(DataServerRulesTest, WhatIsNotSaidStays) {
  Change all;
  all.set_storage_class(v1::STORAGE_CLASS_NON_VOLATILE);
  all.set_capacity_bytes(kDataServerCapacityMin);
  AddLabel("site", "office", &all);
  AddLabel("rack", "2", &all);
  all.set_drain(true);
  ASSERT_OK_AND_ASSIGN(const auto set, ChangeConfiguration(DefaultConfiguration(), all));
  ASSERT_EQ(set.labels_size(), 2);
  EXPECT_EQ(set.labels(0).key(), "rack");
  ASSERT_OK_AND_ASSIGN(const auto same, ChangeConfiguration(set, Change()));
  EXPECT_EQ(same.SerializeAsString(), set.SerializeAsString());
  Change nothing_left;
  nothing_left.set_storage_class(v1::STORAGE_CLASS_VOLATILE);
  nothing_left.set_capacity_bytes(0);
  nothing_left.mutable_labels();
  nothing_left.set_drain(false);
  ASSERT_OK_AND_ASSIGN(const auto back, ChangeConfiguration(set, nothing_left));
  EXPECT_EQ(back.SerializeAsString(), DefaultConfiguration().SerializeAsString());
}

TEST(DataServerRulesTest, RefusesWhatIsAgainstTheRules) {
  std::vector<Change> bad(7);
  bad[0].set_capacity_bytes(kDataServerCapacityMin - 1);
  AddLabel("", "value", &bad[1]);
  AddLabel("key", "", &bad[2]);
  AddLabel("key", "a\tb", &bad[3]);
  AddLabel(std::string(kLabelBytesMax + 1, 'k'), "value", &bad[4]);
  AddLabel("key", "one", &bad[5]);
  AddLabel("key", "two", &bad[5]);
  for (int i = 0; i <= kLabelsMax; ++i) AddLabel(absl::StrCat("k", i), "v", &bad[6]);
  for (const Change& change : bad) {
    const auto changed = ChangeConfiguration(DefaultConfiguration(), change);
    ASSERT_FALSE(changed.ok()) << change.ShortDebugString();
    EXPECT_EQ(FailCodeOf(changed.status()), FailCode::kBadField);
  }
  Change unknown;
  unknown.set_storage_class(static_cast<v1::StorageClass>(77));
  EXPECT_FALSE(ChangeConfiguration(DefaultConfiguration(), unknown).ok());
}

}  // namespace
}  // namespace convergia::mgmt
