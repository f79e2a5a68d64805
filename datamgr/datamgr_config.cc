#include "datamgr/datamgr_config.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/ids.h"
#include "common/base/status_macros.h"
#include "datamgr/catalog/path.h"

namespace convergia::datamgr {
namespace {

absl::Status CheckAddress(absl::string_view field, absl::string_view address) {
  const size_t colon = address.rfind(':');
  uint32_t port = 0;
  if (colon == absl::string_view::npos || colon == 0 ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port) || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": \"", address, "\" is not host:port, such as 10.0.0.5:64481"));
  }
  return absl::OkStatus();
}

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
  const absl::StatusOr<std::string> name = ParseNodeName(config.name());
  if (!name.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("name: ", name.status().message()));
  }
  settings.name = *name;
  if (config.dir().empty()) {
    return absl::InvalidArgumentError("dir: say where this node keeps its store and its key");
  }
  settings.dir = config.dir();
  settings.join_token_file = config.join_token_file();
  settings.mgmt_address = config.mgmt();
  CVG_RETURN_IF_ERROR(CheckAddress("mgmt", settings.mgmt_address));
  settings.grpc_listen = config.grpc_listen().empty() ? "0.0.0.0:64481" : config.grpc_listen();
  CVG_RETURN_IF_ERROR(CheckAddress("grpc_listen", settings.grpc_listen));
  for (const std::string& address : config.advertise().grpc()) {
    CVG_RETURN_IF_ERROR(CheckAddress("advertise.grpc", address));
    settings.advertise_grpc.push_back(address);
  }
  CVG_RETURN_IF_ERROR(ReadCatalog(config, &settings.catalog));
  CVG_RETURN_IF_ERROR(ReadPolicies(config, &settings));
  return settings;
}

}  // namespace convergia::datamgr
