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

// What every backend promises (store.h), as tests; each backend's own test file instantiates it:
//
//   INSTANTIATE_TEST_SUITE_P(Mem, StoreSuite, testing::Values(Backend{...}), BackendName);
class StoreSuite : public testing::TestWithParam<Backend> {
 protected:
  // Enough for what no test here exceeds, unless it asks for less.
  void SetUp() override { store_ = GetParam().make(HistoryBounds()); }
  void UseSmallHistory(const HistoryBounds& history) { store_ = GetParam().make(history); }

  std::unique_ptr<Store> store_;
};

inline std::string BackendName(const testing::TestParamInfo<Backend>& info) {
  return info.param.name;
}

}  // namespace convergia::store
