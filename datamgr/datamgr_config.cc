#include "datamgr/datamgr_config.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/ids.h"
#include "common/base/status_macros.h"
#include "datamgr/catalog/tree/path.h"

namespace convergia::datamgr {
namespace {

void SetIfGiven(uint64_t given, uint64_t* value) {
  if (given != 0) *value = given;
}

absl::StatusOr<ClassPreference> ReadPreference(absl::string_view field,
                                               v1::DatamgrConfig::ClassPreference given) {
  switch (given) {
    case v1::DatamgrConfig::ANY:
      return ClassPreference::kNone;
    case v1::DatamgrConfig::VOLATILE:
      return ClassPreference::kVolatile;
    case v1::DatamgrConfig::NON_VOLATILE:
      return ClassPreference::kNonVolatile;
    default:
      return absl::InvalidArgumentError(absl::StrCat(field, ": say ANY, VOLATILE or NON_VOLATILE"));
  }
}

absl::Status ReadCatalog(const v1::DatamgrConfig& config, CatalogOptions* options) {
  SetIfGiven(config.quota_bytes_per_user(), &options->quota_bytes);
  SetIfGiven(config.quota_files_per_user(), &options->quota_inodes);
  SetIfGiven(config.mailbox_messages_max(), &options->mailbox_messages_max);
  SetIfGiven(config.mailbox_bytes_max(), &options->mailbox_bytes_max);
  SetIfGiven(config.message_bytes_max(), &options->message_bytes_max);
  SetIfGiven(config.sends_per_minute(), &options->sends_per_minute);
  SetIfGiven(config.root_folders_per_user(), &options->root_folders_max);
  for (const std::string& name : config.root_admins()) {
    const absl::StatusOr<Username> user = Username::Parse(name);
    if (!user.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("root_admins: \"", name, "\": ", user.status().message()));
    }
    options->root_admins.insert(user->str());
  }
  return absl::OkStatus();
}

absl::Status ReadPolicies(const v1::DatamgrConfig& config, DatamgrSettings* settings) {
  CVG_ASSIGN_OR_RETURN(settings->prefer, ReadPreference("prefer", config.prefer()));
  for (const auto& policy : config.folder_policies()) {
    const absl::StatusOr<Path> path = ParsePath(absl::StrCat("/", policy.folder()));
    if (!path.ok() || path->size() != 1) {
      return absl::InvalidArgumentError(absl::StrCat("folder_policies: \"", policy.folder(),
                                                     "\" is not the name of a folder in /"));
    }
    CVG_ASSIGN_OR_RETURN(const ClassPreference prefer,
                         ReadPreference("folder_policies.prefer", policy.prefer()));
    settings->folder_preferences[policy.folder()] = prefer;
  }
  return absl::OkStatus();
}

}  // namespace

ClassPreference DatamgrSettings::PreferenceOf(absl::string_view path) const {
  const absl::string_view rest = absl::StripPrefix(path, "/");
  const auto found = folder_preferences.find(rest.substr(0, rest.find('/')));
  return found == folder_preferences.end() ? prefer : found->second;
}

absl::StatusOr<DatamgrSettings> ReadSettings(const v1::DatamgrConfig& config) {
  DatamgrSettings settings;
  CVG_ASSIGN_OR_RETURN(static_cast<node::NodeSettings&>(settings),
                       node::ReadNodeSettings(config, "0.0.0.0:64481"));
  settings.epoch_at_least = config.epoch_at_least();
  CVG_RETURN_IF_ERROR(ReadCatalog(config, &settings.catalog));
  CVG_RETURN_IF_ERROR(ReadPolicies(config, &settings));
  return settings;
}

}  // namespace convergia::datamgr
