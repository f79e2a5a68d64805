#include "common/rpc/auth/role_proto.h"

namespace convergia::rpc {

v1::Role RoleToProto(Role role) {
  switch (role) {
    case Role::kMgmt:
      return v1::ROLE_MGMT;
    case Role::kDatamgr:
      return v1::ROLE_DATAMGR;
    case Role::kDataserver:
      return v1::ROLE_DATASERVER;
    case Role::kEdge:
      return v1::ROLE_EDGE;
    case Role::kOperator:
      return v1::ROLE_OPERATOR;
  }
  return v1::ROLE_UNSPECIFIED;
}

std::optional<Role> RoleFromProto(v1::Role role) {
  for (const Role ours :
       {Role::kMgmt, Role::kDatamgr, Role::kDataserver, Role::kEdge, Role::kOperator}) {
    if (RoleToProto(ours) == role) return ours;
  }
  return std::nullopt;
}

}  // namespace convergia::rpc
