"""Compiler warnings for all of our code; every one is an error."""

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
]
