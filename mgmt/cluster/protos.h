#pragma once

#include <optional>

#include "common/base/ids.h"
#include "convergia/v1/types.pb.h"

// Between our enums and those of proto/.
namespace convergia::mgmt {

v1::Role ToProto(Role role);

// nullopt for ROLE_UNSPECIFIED and what a newer program may send.
std::optional<Role> FromProto(v1::Role role);

}  // namespace convergia::mgmt
