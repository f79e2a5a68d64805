"""Protocol Buffers and gRPC through Debian's protoc."""

load("@rules_cc//cc:defs.bzl", "cc_library")
load("//tools:copts.bzl", "PRECOMPILED")

def convergia_proto_library(
        name,
        protos,
        grpc_protos = [],
        imports = [],
        deps = [],
        visibility = None,
        testonly = False):
    """C++ libraries of `protos`: `<name>_cc_proto`, and `<name>_cc_grpc` for those in `grpc_protos`.

    Args:
      name: prefix of both targets.
      protos: all files, with paths relative to this package, as they are imported.
      grpc_protos: those among them that define services.
      imports: files of another such library of this package that `protos` import.
      deps: the `_cc_proto` of that library.
      visibility: of both targets.
      testonly: of both targets.
    """
    stems = [proto[:-len(".proto")] for proto in protos]
    grpc_stems = [proto[:-len(".proto")] for proto in grpc_protos]
    native.genrule(
        name = name + "_gen",
        testonly = testonly,
        srcs = protos + imports,
        outs = [stem + suffix for stem in stems for suffix in [".pb.h", ".pb.cc"]] +
               [stem + suffix for stem in grpc_stems for suffix in [".grpc.pb.h", ".grpc.pb.cc"]],
        cmd = " ".join([
            "protoc -I%s" % native.package_name(),
            "--cpp_out=$(RULEDIR)",
            " ".join(["$(location %s)" % proto for proto in protos]),
            "&& protoc -I%s" % native.package_name(),
            "--plugin=protoc-gen-grpc=$$(command -v grpc_cpp_plugin)",
            "--grpc_out=$(RULEDIR)",
            " ".join(["$(location %s)" % proto for proto in grpc_protos]),
        ] if grpc_protos else [
            "protoc -I%s" % native.package_name(),
            "--cpp_out=$(RULEDIR)",
            " ".join(["$(location %s)" % proto for proto in protos]),
        ]),
    )
    cc_library(
        name = name + "_cc_proto",
        testonly = testonly,
        srcs = [stem + ".pb.cc" for stem in stems],
        hdrs = [stem + ".pb.h" for stem in stems],
        copts = ["-w"] + PRECOMPILED,
        includes = ["."],
        visibility = visibility,
        deps = deps + ["//third_party:protobuf"],
    )
    if grpc_protos:
        cc_library(
            name = name + "_cc_grpc",
            testonly = testonly,
            srcs = [stem + ".grpc.pb.cc" for stem in grpc_stems],
            hdrs = [stem + ".grpc.pb.h" for stem in grpc_stems],
            copts = ["-w"] + PRECOMPILED,
            includes = ["."],
            visibility = visibility,
            deps = [
                ":" + name + "_cc_proto",
                "//third_party:grpc",
            ],
        )
