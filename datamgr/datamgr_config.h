#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "common/node/program/node_settings.h"
#include "convergia/v1/config.pb.h"
#include "datamgr/catalog/transactions/catalog_env.h"
#include "datamgr/chunk_layer.h"

namespace convergia::datamgr {

// datamgr's configuration, with every default filled in.
struct DatamgrSettings : node::NodeSettings {
  CatalogOptions catalog;
  Epoch epoch_at_least = 0;
  ClassPreference prefer = ClassPreference::kNone;
  std::map<std::string, ClassPreference, std::less<>> folder_preferences;

  // The preferred class of servers for a file, by its path; "" stands for messages.
  ClassPreference PreferenceOf(absl::string_view path) const;
};

// Errors: kInvalidArgument, naming the field and its error.
absl::StatusOr<DatamgrSettings> ReadSettings(const v1::DatamgrConfig& config);

}  // namespace convergia::datamgr
