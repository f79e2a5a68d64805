#pragma once

#include <optional>

#include "common/base/ids.h"
#include "convergia/v1/types.pb.h"

// Between our roles and those of proto/.
namespace convergia::rpc {

v1::Role RoleToProto(Role role);

// nullopt for ROLE_UNSPECIFIED and what a newer program may send.
std::optional<Role> RoleFromProto(v1::Role role);

}  // namespace convergia::rpc
