#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "common/store/store.h"
#include "common/store/watch_hub.h"

namespace convergia::store {

// A backend as the suite wants it: each call makes an empty store.
struct Backend {
  std::string name;
  std::function<std::unique_ptr<Store>(const HistoryBounds& history)> make;
};

// The promises of store.h as tests; each backend's own test file instantiates them:
//
//   INSTANTIATE_TEST_SUITE_P(Mem, StoreSuite, testing::Values(Backend{...}), BackendName);
class StoreSuite : public testing::TestWithParam<Backend> {
 protected:
  // The default history is enough for every test, unless it asks for a smaller one.
  void SetUp() override { store_ = GetParam().make(HistoryBounds()); }
  void UseSmallHistory(const HistoryBounds& history) { store_ = GetParam().make(history); }

  std::unique_ptr<Store> store_;
};

inline std::string BackendName(const testing::TestParamInfo<Backend>& info) {
  return info.param.name;
}

}  // namespace convergia::store
