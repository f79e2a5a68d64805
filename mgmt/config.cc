#include "mgmt/config.h"

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/identity/join_token.h"
#include "common/node/program/node_settings.h"

namespace convergia::mgmt {
namespace {

constexpr char kGrpcListen[] = "0.0.0.0:64478";
constexpr char kLineListen[] = "0.0.0.0:64475";
constexpr char kOpenLineListen[] = "0.0.0.0:64474";
constexpr size_t kEnrolAddressesBytesMax = 1024;
constexpr uint32_t kMovesPerMinute = 60;
constexpr uint32_t kMovesPerMinuteMax = 100'000;
constexpr uint32_t kRegistrationsPerHour = 20;
constexpr uint32_t kFailedSignInsPerMinute = 30;

void FillDefaults(v1::MgmtConfig* config) {
  if (config->grpc_listen().empty()) config->set_grpc_listen(kGrpcListen);
  if (config->line_listen().empty()) config->set_line_listen(kLineListen);
  if (config->open_line_listen().empty()) config->set_open_line_listen(kOpenLineListen);
  if (config->registration() == v1::MgmtConfig::UNSET) {
    const bool closed = config->has_registration_open() && !config->registration_open();
    config->set_registration(closed ? v1::MgmtConfig::CLOSED : v1::MgmtConfig::OPEN);
  }
  if (config->password_bytes_min() == 0) {
    config->set_password_bytes_min(limits::kNewPasswordBytesMin);
  }
  if (!config->has_moves_per_minute()) config->set_moves_per_minute(kMovesPerMinute);
  v1::RegistrationLimits* registration = config->mutable_registration_limits();
  if (registration->per_address_per_hour() == 0) {
    registration->set_per_address_per_hour(kRegistrationsPerHour);
  }
  if (registration->failed_sign_ins_per_address_per_minute() == 0) {
    registration->set_failed_sign_ins_per_address_per_minute(kFailedSignInsPerMinute);
  }
  v1::LineLimits* line = config->mutable_line_limits();
  if (line->unauthenticated_per_address_max() == 0) {
    line->set_unauthenticated_per_address_max(limits::kUnauthenticatedPerAddressMax);
  }
  if (line->signed_in_per_address_max() == 0) {
    line->set_signed_in_per_address_max(limits::kSignedInPerAddressMax);
  }
  if (line->sessions_per_user_max() == 0) {
    line->set_sessions_per_user_max(limits::kSessionsPerUserMax);
  }
}

}  // namespace

absl::StatusOr<v1::MgmtConfig> CompleteConfig(v1::MgmtConfig config) {
  if (config.dir().empty()) {
    return absl::InvalidArgumentError("dir: say where keys and the store live");
  }
  FillDefaults(&config);
  if (config.moves_per_minute() > kMovesPerMinuteMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("moves_per_minute: at most ", kMovesPerMinuteMax));
  }
  if (config.password_bytes_min() > limits::kPasswordBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("password_bytes_min: at most ", limits::kPasswordBytesMax));
  }
  CVG_RETURN_IF_ERROR(node::CheckAddress("grpc_listen", config.grpc_listen()));
  CVG_RETURN_IF_ERROR(node::CheckAddress("line_listen", config.line_listen()));
  CVG_RETURN_IF_ERROR(node::CheckAddress("open_line_listen", config.open_line_listen()));
  for (const std::string& address : config.advertise().grpc()) {
    CVG_RETURN_IF_ERROR(node::CheckAddress("advertise.grpc", address));
  }
  if (!config.advertise().line().empty()) {
    CVG_RETURN_IF_ERROR(node::CheckAddress("advertise.line", config.advertise().line()));
  }
  if (config.enrol_addresses_size() > static_cast<int>(identity::kJoinTokenAddressesMax)) {
    return absl::InvalidArgumentError(
        absl::StrCat("enrol_addresses: at most ", identity::kJoinTokenAddressesMax));
  }
  size_t bytes = 0;
  for (const std::string& address : config.enrol_addresses()) {
    CVG_RETURN_IF_ERROR(node::CheckAddress("enrol_addresses", address));
    bytes += address.size();
  }
  if (bytes > kEnrolAddressesBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("enrol_addresses: at most ", kEnrolAddressesBytesMax, " bytes in all"));
  }
  return config;
}

Paths::Paths(const v1::MgmtConfig& config)
    : ca_pem(config.dir() + "/ca.pem"),
      ca_key(config.dir() + "/ca.key"),
      chain_pem(config.dir() + "/mgmt.pem"),
      key_pem(config.dir() + "/mgmt.key"),
      operator_pem(config.dir() + "/operator.pem"),
      operator_key(config.dir() + "/operator.key"),
      store(config.dir() + "/store") {}

}  // namespace convergia::mgmt
