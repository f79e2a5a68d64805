"""A libFuzzer target whose corpus runs as a test; `tools/fuzz NAME` fuzzes the same source."""

load("@rules_cc//cc:defs.bzl", "cc_test")
load("//tools:copts.bzl", "COPTS")

def fuzz_target(name, deps):
    """Makes the test `<name>_corpus_test` of `<name>_fuzz.cc` and `corpus/<name>/`."""
    corpus = "corpus/" + name
    cc_test(
        name = name + "_corpus_test",
        size = "small",
        srcs = [
            name + "_fuzz.cc",
            "replay_main.cc",
        ],
        args = [native.package_name() + "/" + corpus],
        copts = COPTS,
        data = native.glob([corpus + "/*"]),
        deps = deps + ["//third_party:glog"],
    )
