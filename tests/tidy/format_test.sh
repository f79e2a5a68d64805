#!/usr/bin/env bash
# All C++ is as clang-format leaves it. Looks at the checkout, to which the link of WORKSPACE leads.
set -euo pipefail
root="$(dirname "$(readlink -f "${TEST_SRCDIR}/convergia/WORKSPACE")")"
exec "${root}/tools/format" --check
