"""Versions, digests, names and unknown settings: the exact message, and that its command mends the settings."""

import pytest

from infra import versions

VALID = (
    "clusterName, kubernetesVersion, supportType, calicoVersion, calicoManifest, calicoManifestSha256, nodeadmVersion,"
    " nodeadmSha256, network, vpcCidr, onPremVpcCidr, podCidr, serviceCidr, availabilityZones, managedNodes,"
    " moreManagedNodes, hybridNodes, site, podMtu, activationHours, clusterAdmins, permissionsBoundaryArn,"
    " apiAllowedCidrs, imageRegistry, sampleApp, albAllowedCidrs, albCertificateArn, albHostName, sampleNodePort,"
    " webhookPorts, metricsServer, controlPlaneLogs"
)
DIGEST = "0123456789abcdef" * 4
LONG = "a" * 101
CLUSTER_NAME = "a cluster name of at most 100 letters, digits, - and _ that starts with a letter or digit"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "kubernetesVersion",
            "1.31",
            (
                "kubernetesVersion 1.31 is not one of 1.33, 1.34, 1.35, 1.36, 1.37. Choose one of them,"
                " e.g. pulumi config set kubernetesVersion 1.36"
            ),
        ),
        (
            "calicoVersion",
            "v3.32.1",
            (
                "calicoVersion v3.32.1 is not a release of 3.33.x, 3.32.x, 3.31.x. Their digests are known for 3.32.1,"
                " 3.31.7; choose one of these, e.g. pulumi config set calicoVersion 3.32.1"
            ),
        ),
        (
            "nodeadmVersion",
            "v1.0.18",
            (
                "nodeadmVersion v1.0.18 is below v1.0.19. Older releases carry an SSM signing key that expired on"
                " 2026-07-15; choose a newer one, e.g. pulumi config set nodeadmVersion v1.0.20"
            ),
        ),
        (
            "nodeadmVersion",
            "1.0.20",
            (
                "nodeadmVersion 1.0.20 is not a nodeadm release. Write vX.Y.Z, or latest,"
                " e.g. pulumi config set nodeadmVersion v1.0.20"
            ),
        ),
        (
            "nodeadmSha256",
            {"arm64": "0xabc"},
            (
                "nodeadmSha256.arm64 0xabc is not a SHA-256 digest of 64 hex digits. Set one,"
                f" e.g. pulumi config set --path nodeadmSha256.arm64 {DIGEST}"
            ),
        ),
        (
            "calicoManifestSha256",
            "abc",
            (
                "calicoManifestSha256 abc is not a SHA-256 digest of 64 hex digits. Set one,"
                f" e.g. pulumi config set calicoManifestSha256 {DIGEST}"
            ),
        ),
        (
            "calicoManifest",
            "http://mirror.example/calico.yaml",
            (
                "calicoManifest http://mirror.example/calico.yaml is not an https:// address or the path of a file. Set"
                " one, e.g. pulumi config set calicoManifest"
                " https://raw.githubusercontent.com/projectcalico/calico/v3.32.1/manifests/calico-vxlan.yaml"
            ),
        ),
    ],
)
def test_versions_and_digests_outside_the_table_are_rejected(rejects, name, value, message):
    rejects(name, value, message)


def test_nodeadm_releases_are_compared_as_numbers(parse):
    assert parse(nodeadmVersion="v1.0.100").nodeadm_version == "v1.0.100"
    assert parse(nodeadmVersion="v1.0.19").nodeadm_version == "v1.0.19"
    assert parse(nodeadmVersion="v2.0.0").nodeadm_version == "v2.0.0"


@pytest.mark.parametrize("name", ["-eks", "_eks", "eks hybrid", "eks.hybrid", LONG, "", "eks\n"])
def test_cluster_names_that_the_eks_api_would_reject_are_rejected(problems, advised, name):
    (message,) = problems(clusterName=name)
    assert message.endswith(f" is not {CLUSTER_NAME}. Set one, e.g. pulumi config set clusterName eks-hybrid")
    assert message.startswith("eks-hybrid-calico:clusterName ")
    assert advised(clusterName=name)


@pytest.mark.parametrize("name", ["a", "7", "Team_A-eks", "a" * 100])
def test_cluster_names_that_the_eks_api_takes_are_taken(parse, name):
    assert parse(clusterName=name).cluster_name == name


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "managedNodes",
            "large",
            (
                "managedNodes large is not a map of settings for the managed nodes. Set one, e.g. pulumi config rm"
                " managedNodes && pulumi config set --path managedNodes.instanceType t4g.medium"
            ),
        ),
        (
            "nodeadmSha256",
            "abc",
            (
                "nodeadmSha256 abc is not a map of digests by architecture, arm64 and amd64. Set one,"
                " e.g. pulumi config"
                f" rm nodeadmSha256 && pulumi config set --path nodeadmSha256.arm64 {DIGEST}"
            ),
        ),
    ],
)
def test_maps_that_are_not_maps_are_rejected(rejects, name, value, message):
    rejects(name, value, message)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "podCdir",
            "10.0.0.0/16",
            (
                "podCdir is not a setting. Do you mean podCidr? Remove it, e.g. pulumi config rm podCdir."
                f" Valid are {VALID}"
            ),
        ),
        (
            "vpc_cidr",
            "10.0.0.0/16",
            (
                "vpc_cidr is not a setting. Do you mean vpcCidr? Remove it, e.g. pulumi config rm vpc_cidr."
                f" Valid are {VALID}"
            ),
        ),
        (
            "managedNodes",
            {"size": 3},
            (
                "managedNodes.size is not a setting of managedNodes. Remove it, e.g. pulumi config rm --path"
                " managedNodes.size. Valid are instanceType, min, max, desired, spot, diskGiB, ami, labels, taints"
            ),
        ),
        (
            "managedNodes",
            {"spot.price": 3},
            (
                'managedNodes["spot.price"] is not a setting of managedNodes. Remove it, e.g. pulumi config rm --path'
                " 'managedNodes[\"spot.price\"]'. Valid are instanceType, min, max, desired, spot, diskGiB, ami,"
                " labels, taints"
            ),
        ),
        (
            "hybridNodes",
            [{"name": "a"}, {"name": "b", "disk": 30}],
            (
                "hybridNodes[1].disk is not a setting of hybridNodes[1]. Do you mean diskGiB? Remove it, e.g. pulumi"
                " config rm --path 'hybridNodes[1].disk'. Valid are name, instanceType, os, diskGiB, address,"
                " architecture, zone, labels, taints"
            ),
        ),
        (
            "nodeadmSha256",
            {"x86_64": "a"},
            (
                "nodeadmSha256.x86_64 is not a setting of nodeadmSha256. Remove it, e.g. pulumi config rm --path"
                " nodeadmSha256.x86_64. Valid are arm64, amd64"
            ),
        ),
    ],
)
def test_unknown_names_are_rejected_at_any_depth_with_the_nearest_first_and_all_last(
    rejects, name, value, message
):
    rejects(name, value, message)


@pytest.mark.parametrize(("name", "text"), [("managedNodes", '{"min": 1'), ("hybridNodes", '[{"name": "a"}')])
def test_json_that_cannot_be_read_is_shown_as_it_is(problems, name, text):
    (message,) = problems(**{name: text})
    assert message.startswith(f"eks-hybrid-calico:{name} {text} is not a ")


def test_a_long_value_is_shown_in_part(problems):
    (whole,) = problems(calicoVersion="3" * 80)
    (part,) = problems(calicoVersion="3" * 81)
    assert f" {'3' * 80} is not a release of" in whole
    assert f" {'3' * 80}... is not a release of" in part


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        (
            "instanceType",
            "managedNodes.instanceType or moreManagedNodes[].instanceType or hybridNodes[].instanceType",
        ),
        ("region", "aws:region"),
        ("transitGatewayId", "site.transitGatewayId"),
        ("kubernetes_version", "kubernetesVersion"),
    ],
)
def test_a_name_that_stands_elsewhere_is_named_with_its_place(problems, name, meant):
    (said,) = problems(**{name: "x"})
    assert f"is not a setting. Do you mean {meant}? Remove it" in said


def test_the_digest_of_another_known_release_is_refused(problems):
    newest, older = list(versions.CALICO_SHA256)[:2]
    given = {"calicoManifest": "https://mirror.example.com/calico.yaml", "calicoVersion": newest}
    (said,) = problems(**given, calicoManifestSha256=versions.CALICO_SHA256[older])
    assert f"is the digest of Calico {older}, and calicoVersion is {newest}" in said
