import pytest

from infra import instances


@pytest.mark.parametrize(
    "name",
    [
        "t4g.medium",
        "m7g.large",
        "c7gn.xlarge",
        "x2gd.metal",
        "im4gn.large",
        "is4gen.medium",
        "a1.large",
        "g5g.xlarge",
        "i8ge.large",
        "hpc7g.4xlarge",
    ],
)
def test_graviton_types_are_arm64(name):
    assert instances.architecture(name) == "arm64"


@pytest.mark.parametrize(
    "name",
    [
        "t3.medium",
        "m7i-flex.large",
        "g4dn.xlarge",
        "g6e.xlarge",
        "gr6.4xlarge",
        "c5a.large",
        "u-6tb1.56xlarge",
        "a10.large",
    ],
)
def test_all_other_types_are_amd64(name):
    assert instances.architecture(name) == "amd64"


@pytest.mark.parametrize(
    "name", ["t4g.medium", "c5.metal-24xl", "u-6tb1.56xlarge", "m7i-flex.large", "p6-b200.48xlarge"]
)
def test_names_of_instance_types_are_recognised(name):
    assert instances.is_instance_type(name)


@pytest.mark.parametrize(
    "name", ["t4g", "t4g.", ".medium", "T4G.medium", "t4g medium", "4tg.medium", "t4g.medium "]
)
def test_other_texts_are_not_taken_for_instance_types(name):
    assert not instances.is_instance_type(name)


@pytest.mark.parametrize("name", ["a1.large", "a1.metal"])
def test_graviton_1_cannot_be_a_node(name):
    assert "Graviton 1" in (instances.not_a_node(name) or "")


@pytest.mark.parametrize(
    "name", ["mac1.metal", "mac2.metal", "mac2-m1ultra.metal", "mac-m4.metal", "mac-m4pro.metal"]
)
def test_a_mac_cannot_be_a_node(name):
    assert "no Linux image" in (instances.not_a_node(name) or "")


@pytest.mark.parametrize("name", ["t4g.medium", "m6g.large", "a10.large", "m7i.large", "machine1.large"])
def test_other_types_may_be_nodes(name):
    assert instances.not_a_node(name) is None


def test_nano_and_micro_are_too_small_and_small_is_not():
    assert instances.is_too_small("t4g.nano")
    assert instances.is_too_small("t3.micro")
    assert not instances.is_too_small("t4g.small")
    assert not instances.is_too_small("t4g.medium")
