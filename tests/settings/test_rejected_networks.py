"""Ranges that are wrong on their own: the exact message, and that its command mends the settings."""

import pytest

PRIVATE = "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "podCidr",
            "192.168/16",
            (
                "podCidr 192.168/16 is not an IPv4 CIDR. Write the network and its prefix length,"
                " e.g. pulumi config set podCidr 192.168.0.0/16"
            ),
        ),
        (
            "vpcCidr",
            "fd00::/56",
            (
                "vpcCidr fd00::/56 is not an IPv4 CIDR. Write the network and its prefix length,"
                " e.g. pulumi config set vpcCidr 10.10.0.0/16"
            ),
        ),
        (
            "serviceCidr",
            "",
            (
                'serviceCidr "" is not an IPv4 CIDR. Write the network and its prefix length,'
                " e.g. pulumi config set serviceCidr 172.16.0.0/16"
            ),
        ),
        (
            "onPremVpcCidr",
            "10.90.1.0/16",
            (
                "onPremVpcCidr 10.90.1.0/16 has host bits set. Write the network and its prefix length,"
                " e.g. pulumi config set onPremVpcCidr 10.90.0.0/16"
            ),
        ),
        (
            "vpcCidr",
            "10.10.0.0/255.255.0.0",
            (
                "vpcCidr 10.10.0.0/255.255.0.0 is not in the form network/prefix. Write the network and its prefix"
                " length, e.g. pulumi config set vpcCidr 10.10.0.0/16"
            ),
        ),
    ],
)
def test_malformed_ranges_are_rejected(rejects, name, value, message):
    rejects(name, value, message)


def test_a_network_without_its_prefix_length_is_rejected(problems):
    assert problems(podCidr="192.168.0.0") == [
        (
            "eks-hybrid-calico:podCidr 192.168.0.0 has no prefix length. Write the network and its prefix length,"
            " e.g. pulumi config set podCidr 192.168.0.0/32"
        )
    ]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "vpcCidr",
            "10.10.0.0/25",
            (
                "vpcCidr 10.10.0.0/25 is too small. Choose /16 to /24: a subnet is an eighth of the VPC, and an ALB"
                " needs /27, e.g. pulumi config set vpcCidr 10.10.0.0/16"
            ),
        ),
        (
            "vpcCidr",
            "10.10.0.0/15",
            (
                "vpcCidr 10.10.0.0/15 is too large. Choose /16 to /24: a subnet is an eighth of the VPC, and an ALB"
                " needs /27, e.g. pulumi config set vpcCidr 10.10.0.0/16"
            ),
        ),
        (
            "onPremVpcCidr",
            "10.90.0.0/26",
            (
                "onPremVpcCidr 10.90.0.0/26 is too small. Choose /16 to /25: a subnet is an eighth of the VPC, and AWS"
                " wants /28, e.g. pulumi config set onPremVpcCidr 10.90.0.0/16"
            ),
        ),
        (
            "onPremVpcCidr",
            "10.90.0.0/15",
            (
                "onPremVpcCidr 10.90.0.0/15 is too large. Choose /16 to /25: a subnet is an eighth of the VPC, and AWS"
                " wants /28, e.g. pulumi config set onPremVpcCidr 10.90.0.0/16"
            ),
        ),
        (
            "podCidr",
            "192.168.0.0/27",
            (
                "podCidr 192.168.0.0/27 is too small. Choose /8 to /26: each node takes a /26 of it,"
                " e.g. pulumi config set podCidr 192.168.0.0/16"
            ),
        ),
        (
            "podCidr",
            "10.0.0.0/7",
            (
                "podCidr 10.0.0.0/7 is too large. Choose /8 to /26: each node takes a /26 of it,"
                " e.g. pulumi config set podCidr 192.168.0.0/16"
            ),
        ),
        (
            "serviceCidr",
            "172.16.0.0/25",
            (
                "serviceCidr 172.16.0.0/25 is too small. Choose /12 to /24: EKS takes no other size,"
                " e.g. pulumi config set serviceCidr 172.16.0.0/16"
            ),
        ),
        (
            "serviceCidr",
            "10.96.0.0/11",
            (
                "serviceCidr 10.96.0.0/11 is too large. Choose /12 to /24: EKS takes no other size,"
                " e.g. pulumi config set serviceCidr 172.16.0.0/16"
            ),
        ),
    ],
)
def test_ranges_too_small_or_too_large_for_their_use_are_rejected(rejects, name, value, message):
    rejects(name, value, message)


@pytest.mark.parametrize(
    ("name", "value", "default", "allowed"),
    [
        ("vpcCidr", "11.0.0.0/16", "10.10.0.0/16", PRIVATE),
        ("onPremVpcCidr", "11.0.0.0/16", "10.90.0.0/16", PRIVATE),
        ("podCidr", "100.0.0.0/9", "192.168.0.0/16", PRIVATE),
        ("serviceCidr", "100.64.0.0/16", "172.16.0.0/16", "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16"),
    ],
)
def test_ranges_that_eks_does_not_take_as_private_are_rejected(rejects, name, value, default, allowed):
    message = (
        f"{name} {value} is not private. Choose a range inside {allowed},"
        f" e.g. pulumi config set {name} {default}"
    )
    rejects(name, value, message)


@pytest.mark.parametrize("name", ["vpcCidr", "onPremVpcCidr", "podCidr", "serviceCidr"])
def test_the_range_of_dockers_bridge_is_rejected(problems, advised, name):
    (message,) = problems(**{name: "172.17.8.0/22"})
    assert message.startswith(
        f"eks-hybrid-calico:{name} 172.17.8.0/22 overlaps 172.17.0.0/16, the bridge of Docker. Choose another range,"
        f" e.g. pulumi config set {name} "
    )
    assert advised(**{name: "172.17.8.0/22"})


def test_carrier_grade_nat_addresses_may_be_used_for_both_vpcs_and_the_pods(parse):
    found = parse(vpcCidr="100.64.0.0/16", onPremVpcCidr="100.65.0.0/16", podCidr="100.96.0.0/11")
    assert (found.vpc_cidr, found.on_prem_vpc_cidr, found.pod_cidr) == (
        "100.64.0.0/16",
        "100.65.0.0/16",
        "100.96.0.0/11",
    )
