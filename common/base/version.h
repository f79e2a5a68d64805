#pragma once

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace convergia {

// Of all programs, as INFO, mgmt's node list and --version say it.
inline constexpr char kVersion[] = "0.1.0";

// The output of PROGRAM --version: "edge 0.1.0 (Convergia)".
inline std::string VersionText(absl::string_view program) {
  return absl::StrCat(program, " ", kVersion, " (Convergia)");
}

}  // namespace convergia
