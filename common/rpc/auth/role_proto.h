#pragma once

#include <optional>

#include "common/base/ids.h"
#include "convergia/v1/types.pb.h"

// Converts between the roles of common/base and those of proto/.
namespace convergia::rpc {

v1::Role RoleToProto(Role role);

// nullopt for ROLE_UNSPECIFIED and for a role of a newer program.
std::optional<Role> RoleFromProto(v1::Role role);

}  // namespace convergia::rpc
