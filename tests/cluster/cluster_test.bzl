"""Tests that run a cluster of real processes."""

load("@rules_cc//cc:defs.bzl", "cc_test")
load("//tools:copts.bzl", "COPTS")

def cluster_test(name, data = [], deps = [], **kwargs):
    """A test in NAME.cc with the programs of all nodes among its runfiles.

    "cpu:2" has it run alone on a small machine: what it awaits should not wait for other tests.
    "nosanitizer": the programs are the same as elsewhere, and ten times slower.

    Args:
      name: of the test.
      data: besides the programs of nodes.
      deps: besides the cluster and GoogleTest.
      **kwargs: of cc_test.
    """
    cc_test(
        name = name,
        srcs = [name + ".cc"],
        copts = COPTS,
        data = data + [
            "//datamgr",
            "//dataserver",
            "//edge",
            "//mgmt",
        ],
        tags = [
            "cpu:2",
            "nosanitizer",
        ],
        deps = deps + [
            "//proto:convergia_cc_grpc",
            "//proto:convergia_cc_proto",
            "//tests/cluster:cluster_test_base",
            "//third_party:gtest_main",
        ],
        **kwargs
    )
