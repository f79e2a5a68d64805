"""Compiler options of all of our code."""

# Headers of libraries that most of our files include, read once for all of them. They save time and
# nothing else: a file includes what it uses, and --config=plain and the sanitizers compile it so.
PRECOMPILED = select({
    "//tools:without_precompiled": [],
    "//conditions:default": ["-include", "$(BINDIR)/tools/precompiled/libraries.h"],
})

# Every warning is an error.
COPTS = [
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unused-parameter",
    "-Wno-sign-compare",
    "-Wno-missing-field-initializers",
    # asio 1.22 and protobuf 3.21 headers trip these on g++ 12.
    "-Wno-maybe-uninitialized",
    "-Wno-array-bounds",
    "-Wno-stringop-overflow",
    "-Wno-restrict",
    "-Wno-mismatched-new-delete",
] + PRECOMPILED
