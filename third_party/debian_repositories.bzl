"""Repositories that Debian's Bazel 4.2 needs, made from Debian's packages."""

_RULES_CC = "/usr/share/bazel/rules/cc"

# rules_cc 0.0.4 imports a function that is younger than Bazel 4.2. What the function returns there
# is the list below.
_TOO_NEW = [
    "cc/private/rules_impl/compiler_flag.bzl",
    "cc/private/rules_impl/cc_flags_supplier.bzl",
]

def _patched_rules_cc_impl(repository_ctx):
    source = repository_ctx.path(_RULES_CC)
    if not source.exists:
        fail("Debian's package bazel-rules-cc is missing: run tools/setup first.")
    result = repository_ctx.execute(["cp", "-rL", _RULES_CC + "/.", "."])
    if result.return_code != 0:
        fail("could not copy %s: %s" % (_RULES_CC, result.stderr))
    for path in _TOO_NEW:
        text = repository_ctx.read(path)
        text = text.replace(", \"use_cpp_toolchain\"", "")
        text = text.replace("use_cpp_toolchain()", "[\"@bazel_tools//tools/cpp:toolchain_type\"]")
        repository_ctx.file(path, text)

patched_rules_cc = repository_rule(
    implementation = _patched_rules_cc_impl,
    local = True,
)

def _empty_coverage_tools_impl(repository_ctx):
    repository_ctx.file("WORKSPACE", "")
    repository_ctx.file("BUILD.bazel", """
package(default_visibility = ["//visibility:public"])

filegroup(name = "coverage_report_generator")

filegroup(name = "lcov_merger")
""")

empty_coverage_tools = repository_rule(implementation = _empty_coverage_tools_impl)
