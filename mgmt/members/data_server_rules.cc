#include "mgmt/members/data_server_rules.h"

#include <algorithm>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"

namespace convergia::mgmt {
namespace {

bool IsLabelText(absl::string_view text) {
  return !text.empty() && text.size() <= kLabelBytesMax &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
         });
}

absl::Status SetLabels(const v1::Labels& labels, v1::NodeConfiguration* configuration) {
  std::map<std::string, std::string> by_key;
  for (const v1::Label& label : labels.labels()) {
    if (!IsLabelText(label.key()) || !IsLabelText(label.value())) {
      return Fail(FailCode::kBadField,
                  absl::StrCat("a label's key and value are each 1 to ", kLabelBytesMax,
                               " letters, digits, dots, dashes or underscores"));
    }
    if (!by_key.emplace(label.key(), label.value()).second) {
      return Fail(FailCode::kBadField,
                  absl::StrCat("the label ", label.key(), " is there twice; give it one value"));
    }
  }
  if (by_key.size() > kLabelsMax) {
    return Fail(FailCode::kBadField, absl::StrCat("give at most ", kLabelsMax, " labels"));
  }
  configuration->clear_labels();
  for (const auto& [key, value] : by_key) {
    v1::Label* label = configuration->add_labels();
    label->set_key(key);
    label->set_value(value);
  }
  return absl::OkStatus();
}

}  // namespace

v1::NodeConfiguration DefaultConfiguration() {
  v1::NodeConfiguration configuration;
  configuration.set_storage_class(v1::STORAGE_CLASS_VOLATILE);
  return configuration;
}

absl::StatusOr<v1::NodeConfiguration> ChangeConfiguration(
    v1::NodeConfiguration now, const v1::ConfigureDataServerRequest& change) {
  if (!v1::StorageClass_IsValid(change.storage_class())) {
    return Fail(FailCode::kBadField, "a data server is volatile or non-volatile");
  }
  if (change.has_capacity_bytes() && change.capacity_bytes() != 0 &&
      change.capacity_bytes() < kDataServerCapacityMin) {
    return Fail(FailCode::kBadField,
                absl::StrCat("a data server's capacity is at least ", kDataServerCapacityMin,
                             " bytes, or 0: as its own configuration says"));
  }
  if (change.has_labels()) CVG_RETURN_IF_ERROR(SetLabels(change.labels(), &now));
  if (change.storage_class() != v1::STORAGE_CLASS_UNSPECIFIED) {
    now.set_storage_class(change.storage_class());
  }
  if (change.has_capacity_bytes()) now.set_capacity_bytes(change.capacity_bytes());
  if (change.has_drain()) now.set_drain(change.drain());
  return now;
}

}  // namespace convergia::mgmt
