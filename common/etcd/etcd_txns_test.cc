#include "common/etcd/etcd_txns.h"

#include <gtest/gtest.h>

#include <string>

#include "common/base/testing/status_testing.h"

namespace convergia::etcd {
namespace {

namespace pb = etcdserverpb;

const EtcdTxns kTxns("convergia/mgmt/");

// Adds one answer with one row.
pb::KeyValue* AddRow(pb::TxnResponse* response, const std::string& key, const std::string& value) {
  pb::KeyValue* const row = response->add_responses()->mutable_response_range()->add_kvs();
  row->set_key(key);
  row->set_value(value);
  return row;
}
void AddNothing(pb::TxnResponse* response) { response->add_responses()->mutable_response_range(); }

const std::string kHead = std::string("\0\0\0\0\0\0\0\7", 8) + std::string(32, 'h');

TEST(EtcdTxnsTest, KeysOfEntriesSortAsTheirNumbers) {
  store::AppendRequest request;
  request.entry.sequence = 0x1f;
  const pb::TxnRequest txn = kTxns.AppendTxn(request);
  EXPECT_EQ(txn.success(0).request_put().key(), "convergia/mgmt/l/000000000000001f");
  EXPECT_EQ(txn.success(1).request_put().key(), "convergia/mgmt/head");
}

TEST(EtcdTxnsTest, ARefusedAppendTellsWhoLeadsAndWhatIsAtItsPlace) {
  for (const bool leads : {true, false}) {
    pb::TxnResponse response;
    const std::string leader = std::string("\0\0\0\1r\0\0\0\1a\0\0\0\1c\0\0\0\0\0\0\0\3", 23);
    AddRow(&response, "convergia/mgmt/leader", leader)->set_create_revision(leads ? 8 : 9);
    AddRow(&response, "convergia/mgmt/head", kHead);
    AddRow(&response, "convergia/mgmt/l/0000000000000007", "entry");
    ASSERT_OK_AND_ASSIGN(const store::AppendAnswer answer, kTxns.ReadAppend(8, response));
    EXPECT_EQ(answer.kind, store::AppendAnswer::Kind::kRefused);
    EXPECT_EQ(answer.leads, leads);
    EXPECT_EQ(answer.head.sequence, 7);
    EXPECT_EQ(answer.entry, "entry");
  }
}

// Another program below our prefix, or an answer with parts missing, is an error and no log.
TEST(EtcdTxnsTest, WhatAnotherProgramWroteIsDataLoss) {
  const auto is_lost = [](const absl::Status& status) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss));
  };
  is_lost(kTxns.ReadState({}).status());
  is_lost(kTxns.ReadAppend(8, {}).status());
  is_lost(kTxns.ReadEntries(1, {}).status());
  pb::TxnResponse response;
  AddRow(&response, "convergia/mgmt/leader", "x");
  is_lost(kTxns.ReadAppend(8, response).status());
  response.Clear();
  AddNothing(&response);
  AddRow(&response, "convergia/mgmt/head", "short");
  is_lost(kTxns.ReadAppend(8, response).status());
  response.Clear();
  AddRow(&response, "convergia/mgmt/l/no number", "entry");
  AddRow(&response, "convergia/mgmt/head", kHead);
  is_lost(kTxns.ReadEntries(1, response).status());
  pb::WatchResponse news;
  news.add_events()->mutable_kv()->set_key("convergia/mgmt/l/no number");
  is_lost(kTxns.ReadNews(news).status());
  pb::RangeResponse epoch;
  is_lost(kTxns.CampaignTxn({}, 1, epoch).status());
  epoch.add_kvs()->set_value("1");
  is_lost(kTxns.CampaignTxn({}, 1, epoch).status());
}

// The campaign of another came between, and its winner has gone since.
TEST(EtcdTxnsTest, ACampaignThatFoundNobodyIsRepeated) {
  pb::TxnResponse response;
  AddNothing(&response);
  AddRow(&response, "convergia/mgmt/head", kHead);
  ASSERT_OK_AND_ASSIGN(const store::CampaignAnswer answer, kTxns.ReadCampaign({}, response));
  EXPECT_EQ(answer.kind, store::CampaignAnswer::Kind::kNoAnswer);
}

}  // namespace
}  // namespace convergia::etcd
