"""One wrong value at a time: the exact message, and that its command mends the settings."""

import pytest

VALID = (
    "clusterName, kubernetesVersion, calicoVersion, calicoManifest, calicoManifestSha256, nodeadmVersion,"
    " nodeadmSha256, vpcCidr, onPremVpcCidr, podCidr, serviceCidr, availabilityZones, managedNodes, hybridNodes,"
    " apiAllowedCidrs, albAllowedCidrs, sampleNodePort, controlPlaneLogs"
)
DIGEST = "0123456789abcdef" * 4
PRIVATE = "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10"
LONG = "a" * 101
CLUSTER_NAME = "a cluster name of at most 100 letters, digits, - and _ that starts with a letter or digit"
DNS_LABEL = "a DNS label of at most 54 characters (a-z, 0-9, - inside)"
LOGS = "api, audit, authenticator, controllerManager, scheduler"


def rejects(name, value, message):
    return pytest.param({name: value}, f"eks-hybrid-calico:{message}", id=message[:70])


def check(problems, advised, given, message):
    assert problems(**given) == [message]
    assert advised(**given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        rejects(
            "podCidr",
            "192.168/16",
            "podCidr 192.168/16 is not an IPv4 CIDR. Write the network and its prefix length,"
            " e.g. pulumi config set podCidr 192.168.0.0/16",
        ),
        rejects(
            "vpcCidr",
            "fd00::/56",
            "vpcCidr fd00::/56 is not an IPv4 CIDR. Write the network and its prefix length,"
            " e.g. pulumi config set vpcCidr 10.10.0.0/16",
        ),
        rejects(
            "serviceCidr",
            "",
            'serviceCidr "" is not an IPv4 CIDR. Write the network and its prefix length,'
            " e.g. pulumi config set serviceCidr 172.16.0.0/16",
        ),
        rejects(
            "onPremVpcCidr",
            "10.90.1.0/16",
            "onPremVpcCidr 10.90.1.0/16 has host bits set. Write the network and its prefix length,"
            " e.g. pulumi config set onPremVpcCidr 10.90.0.0/16",
        ),
        rejects(
            "vpcCidr",
            "10.10.0.0/255.255.0.0",
            "vpcCidr 10.10.0.0/255.255.0.0 is not in the form network/prefix. Write the network and its prefix"
            " length, e.g. pulumi config set vpcCidr 10.10.0.0/16",
        ),
    ],
)
def test_malformed_ranges_are_rejected(problems, advised, given, message):
    check(problems, advised, given, message)


def test_a_network_without_its_prefix_length_is_rejected(problems):
    assert problems(podCidr="192.168.0.0") == [
        (
            "eks-hybrid-calico:podCidr 192.168.0.0 has no prefix length. Write the network and its prefix length,"
            " e.g. pulumi config set podCidr 192.168.0.0/32"
        )
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        rejects(
            "vpcCidr",
            "10.10.0.0/25",
            "vpcCidr 10.10.0.0/25 is too small. Choose /16 to /24: a subnet is an eighth of the VPC, and an ALB"
            " needs /27, e.g. pulumi config set vpcCidr 10.10.0.0/16",
        ),
        rejects(
            "vpcCidr",
            "10.10.0.0/15",
            "vpcCidr 10.10.0.0/15 is too large. Choose /16 to /24: a subnet is an eighth of the VPC, and an ALB"
            " needs /27, e.g. pulumi config set vpcCidr 10.10.0.0/16",
        ),
        rejects(
            "onPremVpcCidr",
            "10.90.0.0/26",
            "onPremVpcCidr 10.90.0.0/26 is too small. Choose /16 to /25: a subnet is an eighth of the VPC, and AWS"
            " wants /28, e.g. pulumi config set onPremVpcCidr 10.90.0.0/16",
        ),
        rejects(
            "onPremVpcCidr",
            "10.90.0.0/15",
            "onPremVpcCidr 10.90.0.0/15 is too large. Choose /16 to /25: a subnet is an eighth of the VPC, and AWS"
            " wants /28, e.g. pulumi config set onPremVpcCidr 10.90.0.0/16",
        ),
        rejects(
            "podCidr",
            "192.168.0.0/27",
            "podCidr 192.168.0.0/27 is too small. Choose /8 to /26: each node takes a /26 of it,"
            " e.g. pulumi config set podCidr 192.168.0.0/16",
        ),
        rejects(
            "podCidr",
            "10.0.0.0/7",
            "podCidr 10.0.0.0/7 is too large. Choose /8 to /26: each node takes a /26 of it,"
            " e.g. pulumi config set podCidr 192.168.0.0/16",
        ),
        rejects(
            "serviceCidr",
            "172.16.0.0/25",
            "serviceCidr 172.16.0.0/25 is too small. Choose /12 to /24: EKS takes no other size,"
            " e.g. pulumi config set serviceCidr 172.16.0.0/16",
        ),
        rejects(
            "serviceCidr",
            "10.96.0.0/11",
            "serviceCidr 10.96.0.0/11 is too large. Choose /12 to /24: EKS takes no other size,"
            " e.g. pulumi config set serviceCidr 172.16.0.0/16",
        ),
    ],
)
def test_ranges_too_small_or_too_large_for_their_use_are_rejected(problems, advised, given, message):
    check(problems, advised, given, message)


@pytest.mark.parametrize(
    ("name", "value", "default", "allowed"),
    [
        ("vpcCidr", "11.0.0.0/16", "10.10.0.0/16", PRIVATE),
        ("onPremVpcCidr", "11.0.0.0/16", "10.90.0.0/16", PRIVATE),
        ("podCidr", "100.0.0.0/9", "192.168.0.0/16", PRIVATE),
        ("serviceCidr", "100.64.0.0/16", "172.16.0.0/16", "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16"),
    ],
)
def test_ranges_that_eks_does_not_take_as_private_are_rejected(
    problems, advised, name, value, default, allowed
):
    message = (
        f"eks-hybrid-calico:{name} {value} is not private. Choose a range inside {allowed},"
        f" e.g. pulumi config set {name} {default}"
    )
    check(problems, advised, {name: value}, message)


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


@pytest.mark.parametrize(
    ("given", "message"),
    [
        rejects(
            "kubernetesVersion",
            "1.31",
            "kubernetesVersion 1.31 is not one of 1.33, 1.34, 1.35, 1.36. Choose one of them,"
            " e.g. pulumi config set kubernetesVersion 1.35",
        ),
        rejects(
            "calicoVersion",
            "v3.32.1",
            "calicoVersion v3.32.1 is not one of 3.32.1, 3.31.7. Choose one of them,"
            " e.g. pulumi config set calicoVersion 3.32.1",
        ),
        rejects(
            "nodeadmVersion",
            "v1.0.18",
            "nodeadmVersion v1.0.18 is below v1.0.19. Older releases carry an SSM signing key that expired on"
            " 2026-07-15; choose a newer one, e.g. pulumi config set nodeadmVersion v1.0.20",
        ),
        rejects(
            "nodeadmVersion",
            "1.0.20",
            "nodeadmVersion 1.0.20 is not a nodeadm release. Write vX.Y.Z, or latest,"
            " e.g. pulumi config set nodeadmVersion v1.0.20",
        ),
        rejects(
            "nodeadmSha256",
            {"arm64": "0xabc"},
            "nodeadmSha256.arm64 0xabc is not a SHA-256 digest of 64 hex digits. Set one,"
            f" e.g. pulumi config set --path nodeadmSha256.arm64 {DIGEST}",
        ),
        rejects(
            "calicoManifestSha256",
            "abc",
            "calicoManifestSha256 abc is not a SHA-256 digest of 64 hex digits. Set one,"
            f" e.g. pulumi config set calicoManifestSha256 {DIGEST}",
        ),
        rejects(
            "calicoManifest",
            "http://mirror.example/calico.yaml",
            "calicoManifest http://mirror.example/calico.yaml is not an https:// address or the path of a file. Set"
            " one, e.g. pulumi config set calicoManifest"
            " https://raw.githubusercontent.com/projectcalico/calico/v3.32.1/manifests/calico-vxlan.yaml",
        ),
    ],
)
def test_versions_and_digests_outside_the_table_are_rejected(problems, advised, given, message):
    check(problems, advised, given, message)


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
    ("given", "message"),
    [
        rejects(
            "sampleNodePort",
            "29999",
            "sampleNodePort 29999 is not a port from 30000 to 32767. Set one,"
            " e.g. pulumi config set sampleNodePort 30080",
        ),
        rejects(
            "sampleNodePort",
            "32768",
            "sampleNodePort 32768 is not a port from 30000 to 32767. Set one,"
            " e.g. pulumi config set sampleNodePort 30080",
        ),
        rejects(
            "sampleNodePort",
            "http",
            "sampleNodePort http is not a port from 30000 to 32767. Set one,"
            " e.g. pulumi config set sampleNodePort 30080",
        ),
        rejects(
            "availabilityZones",
            "1",
            "availabilityZones 1 is not a number of availability zones, 2 or 3. Set one,"
            " e.g. pulumi config set availabilityZones 2",
        ),
        rejects(
            "availabilityZones",
            "4",
            "availabilityZones 4 is not a number of availability zones, 2 or 3. Set one,"
            " e.g. pulumi config set availabilityZones 2",
        ),
        rejects(
            "managedNodes",
            {"min": -1},
            "managedNodes.min -1 is not a number of nodes from 0 to 450. Set one,"
            " e.g. pulumi config set --path managedNodes.min 1",
        ),
        rejects(
            "managedNodes",
            {"max": 451},
            "managedNodes.max 451 is not a number of nodes from 1 to 450. Set one,"
            " e.g. pulumi config set --path managedNodes.max 3",
        ),
        rejects(
            "managedNodes",
            {"max": 0},
            "managedNodes.max 0 is not a number of nodes from 1 to 450. Set one,"
            " e.g. pulumi config set --path managedNodes.max 3",
        ),
        rejects(
            "managedNodes",
            {"min": 0, "desired": 0},
            "managedNodes.desired 0 is not a number of nodes from 1 to 450. Set one,"
            " e.g. pulumi config set --path managedNodes.desired 2",
        ),
        rejects(
            "managedNodes",
            {"min": True},
            "managedNodes.min true is not a number of nodes from 0 to 450. Set one,"
            " e.g. pulumi config set --path managedNodes.min 1",
        ),
        rejects(
            "managedNodes",
            {"spot": "perhaps"},
            "managedNodes.spot perhaps is not true or false. Set one,"
            " e.g. pulumi config set --path managedNodes.spot false",
        ),
        rejects(
            "managedNodes",
            {"diskGiB": 19},
            "managedNodes.diskGiB 19 is not a disk of 20 to 16384 GiB. Set one,"
            " e.g. pulumi config set --path managedNodes.diskGiB 30",
        ),
        rejects(
            "hybridNodes",
            [{"name": "a"}, {"name": "b", "diskGiB": 16385}],
            "hybridNodes[1].diskGiB 16385 is not a disk of 20 to 16384 GiB. Set one,"
            " e.g. pulumi config set --path 'hybridNodes[1].diskGiB' 30",
        ),
    ],
)
def test_numbers_out_of_their_bounds_are_rejected(problems, advised, given, message):
    check(problems, advised, given, message)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        rejects(
            "managedNodes",
            {"instanceType": "t4g.medium,t3.medium,t4g.large"},
            "managedNodes.instanceType t4g.medium,t3.medium,t4g.large mixes arm64 and amd64. A node group has one AMI,"
            " so name types of one architecture,"
            " e.g. pulumi config set --path managedNodes.instanceType t4g.medium,t4g.large",
        ),
        rejects(
            "managedNodes",
            {"instanceType": "t4g.medium, big"},
            'managedNodes.instanceType "t4g.medium, big" is not an EC2 instance type. Write family.size,'
            " e.g. pulumi config set --path managedNodes.instanceType t4g.medium",
        ),
        rejects(
            "managedNodes",
            {"instanceType": ["t4g.medium", 7, None]},
            'managedNodes.instanceType ["t4g.medium", 7, null] is not an EC2 instance type, or several separated by'
            " commas. Set one, e.g. pulumi config set --path managedNodes.instanceType t4g.medium",
        ),
        rejects(
            "managedNodes",
            {"instanceType": "t3.micro"},
            "managedNodes.instanceType t3.micro is too small for a node. Choose 2 GiB of memory or more,"
            " e.g. pulumi config set --path managedNodes.instanceType t4g.medium",
        ),
        rejects(
            "hybridNodes",
            [{"name": "a", "instanceType": "t4g.nano"}],
            "hybridNodes[0].instanceType t4g.nano is too small for a node. Choose 2 GiB of memory or more,"
            " e.g. pulumi config set --path 'hybridNodes[0].instanceType' t4g.medium",
        ),
        rejects(
            "hybridNodes",
            [{"name": "a", "instanceType": "t4g.medium,t4g.large"}],
            "hybridNodes[0].instanceType t4g.medium,t4g.large is not an EC2 instance type. Write family.size,"
            " e.g. pulumi config set --path 'hybridNodes[0].instanceType' t4g.medium",
        ),
    ],
)
def test_instance_types_that_cannot_work_are_rejected(problems, advised, given, message):
    check(problems, advised, given, message)


def test_a_node_group_takes_twenty_instance_types_at_most(problems, parse, advised):
    types = [f"m{number}g.large" for number in range(21)]
    assert len(parse(managedNodes={"instanceType": ",".join(types[:20])}).managed_nodes.instance_types) == 20
    (message,) = problems(managedNodes={"instanceType": ",".join(types)})
    assert message.endswith(
        " names 21 types. Name 20 at most, e.g. pulumi config set --path managedNodes.instanceType m0g.large,m1g.large"
    )
    assert advised(managedNodes={"instanceType": ",".join(types)})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        rejects(
            "hybridNodes",
            [],
            "hybridNodes [] has 0 hybrid nodes. 1 to 1000 are possible (Systems Manager registers no more),"
            " e.g. pulumi config set --path 'hybridNodes[0].name' hybrid-1",
        ),
        rejects(
            "hybridNodes",
            [{"name": "a"}, {"os": "al2023"}],
            "hybridNodes[1].name is not set. Set a name for the node,"
            " e.g. pulumi config set --path 'hybridNodes[1].name' hybrid-2",
        ),
        rejects(
            "hybridNodes",
            [{"name": "a", "os": "rhel-9"}],
            "hybridNodes[0].os rhel-9 is not one of ubuntu-24.04, ubuntu-22.04, al2023. Choose one of them,"
            " e.g. pulumi config set --path 'hybridNodes[0].os' ubuntu-24.04",
        ),
        rejects(
            "hybridNodes",
            [{"name": "a"}, {"name": "Node_B"}],
            f"hybridNodes[1].name Node_B is not {DNS_LABEL}. Set one,"
            " e.g. pulumi config set --path 'hybridNodes[1].name' hybrid-2",
        ),
        rejects(
            "hybridNodes",
            [None, {"name": "b"}],
            "hybridNodes[0] null cannot be an entry of the list. Remove it,"
            " e.g. pulumi config rm --path 'hybridNodes[0]'",
        ),
        rejects(
            "hybridNodes",
            "hybrid-1",
            "hybridNodes hybrid-1 is not a list of hybrid nodes. Set one,"
            " e.g. pulumi config rm hybridNodes && pulumi config set --path 'hybridNodes[0].name' hybrid-1",
        ),
    ],
)
def test_hybrid_nodes_that_cannot_be_are_rejected(problems, advised, given, message):
    check(problems, advised, given, message)


@pytest.mark.parametrize("name", ["-a", "a-", "a.b", "a_b", "A", "", "a" * 55])
def test_names_that_are_not_dns_labels_are_rejected(problems, name):
    (message,) = problems(hybridNodes=[{"name": name}])
    assert f" is not {DNS_LABEL}." in message


@pytest.mark.parametrize("name", ["a", "1", "rack-7-slot-3", "a" * 54])
def test_dns_labels_are_taken_as_names(parse, name):
    assert parse(hybridNodes=[{"name": name}]).hybrid_nodes[0].name == name


def test_systems_manager_registers_a_thousand_hybrid_nodes_at_most(problems, parse):
    nodes = [{"name": f"n-{number}"} for number in range(1001)]
    assert len(parse(hybridNodes=nodes[:1000], onPremVpcCidr="10.90.0.0/17").hybrid_nodes) == 1000
    (message,) = problems(hybridNodes=nodes, onPremVpcCidr="10.90.0.0/17")
    assert message.endswith(
        " has 1001 hybrid nodes. 1 to 1000 are possible (Systems Manager registers no more),"
        " e.g. pulumi config rm --path 'hybridNodes[1000]'"
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        rejects(
            "apiAllowedCidrs",
            ["203.0.113.0/24", "198.51.100.7"],
            "apiAllowedCidrs[1] 198.51.100.7 has no prefix length. Write the network and its prefix length,"
            " e.g. pulumi config set --path 'apiAllowedCidrs[1]' 198.51.100.7/32",
        ),
        rejects(
            "apiAllowedCidrs",
            ["2001:db8::/32"],
            "apiAllowedCidrs[0] 2001:db8::/32 is not an IPv4 CIDR. Write the network and its prefix length,"
            " e.g. pulumi config set --path 'apiAllowedCidrs[0]' 203.0.113.0/24",
        ),
        rejects(
            "apiAllowedCidrs",
            ["10.0.0.0/8"],
            "apiAllowedCidrs[0] 10.0.0.0/8 overlaps 10.0.0.0/8, which is not public. The API endpoint sees public"
            " addresses only, e.g. pulumi config set --path 'apiAllowedCidrs[0]' 203.0.113.0/24",
        ),
        rejects(
            "apiAllowedCidrs",
            [],
            "apiAllowedCidrs [] has 0 ranges. 1 to 38 are possible (EKS takes 40, and the two NAT gateways need"
            " theirs), e.g. pulumi config set --path 'apiAllowedCidrs[0]' 203.0.113.0/24",
        ),
        rejects(
            "apiAllowedCidrs",
            ["203.0.113.0/24", "198.51.100.0/24", "203.0.113.0/24"],
            'apiAllowedCidrs ["203.0.113.0/24", "198.51.100.0/24", "203.0.113.0/24"] has 203.0.113.0/24 twice. Remove'
            " one of them, e.g. pulumi config rm --path 'apiAllowedCidrs[2]'",
        ),
        rejects(
            "apiAllowedCidrs",
            "203.0.113.0/24",
            "apiAllowedCidrs 203.0.113.0/24 is not a list of IPv4 CIDRs. Set one, e.g. pulumi config rm"
            " apiAllowedCidrs && pulumi config set --path 'apiAllowedCidrs[0]' 203.0.113.0/24",
        ),
        rejects(
            "apiAllowedCidrs",
            ["203.0.113.0/24", True],
            "apiAllowedCidrs[1] true cannot be an entry of the list. Remove it,"
            " e.g. pulumi config rm --path 'apiAllowedCidrs[1]'",
        ),
        rejects(
            "albAllowedCidrs",
            ["203.0.113.5/24"],
            "albAllowedCidrs[0] 203.0.113.5/24 has host bits set. Write the network and its prefix length,"
            " e.g. pulumi config set --path 'albAllowedCidrs[0]' 203.0.113.0/24",
        ),
        rejects(
            "albAllowedCidrs",
            [],
            "albAllowedCidrs [] has 0 ranges. 1 to 60 are possible (a security group takes 60 rules),"
            " e.g. pulumi config set --path 'albAllowedCidrs[0]' 203.0.113.0/24",
        ),
        rejects(
            "albAllowedCidrs",
            ["0.0.0.0/0", "0.0.0.0/0"],
            'albAllowedCidrs ["0.0.0.0/0", "0.0.0.0/0"] has 0.0.0.0/0 twice. Remove one of them,'
            " e.g. pulumi config rm --path 'albAllowedCidrs[1]'",
        ),
        rejects(
            "controlPlaneLogs",
            ["audit", "kubelet"],
            f"controlPlaneLogs[1] kubelet is not one of {LOGS}. Choose one of them,"
            " e.g. pulumi config set --path 'controlPlaneLogs[1]' audit",
        ),
        rejects(
            "controlPlaneLogs",
            ["audit", "audit"],
            'controlPlaneLogs ["audit", "audit"] has audit twice. Remove one of them,'
            " e.g. pulumi config rm --path 'controlPlaneLogs[1]'",
        ),
        rejects(
            "controlPlaneLogs",
            "audit",
            f"controlPlaneLogs audit is not a list of logs, of {LOGS}. Set one,"
            " e.g. pulumi config rm controlPlaneLogs && pulumi config set --path 'controlPlaneLogs[0]' audit",
        ),
    ],
)
def test_lists_with_entries_that_aws_would_reject_are_rejected(problems, given, message):
    assert problems(**given) == [message]


@pytest.mark.parametrize(
    "cidr",
    [
        "0.1.0.0/16",
        "10.1.0.0/16",
        "100.64.1.0/24",
        "127.0.0.0/8",
        "169.254.1.0/24",
        "172.16.0.0/12",
        "192.168.1.0/24",
        "224.0.0.0/8",
        "240.0.0.0/8",
        "0.0.0.0/1",
    ],
)
def test_the_api_allow_list_takes_public_ranges_only_and_the_albs_takes_all(problems, parse, cidr):
    (message,) = problems(apiAllowedCidrs=[cidr])
    assert "which is not public" in message
    assert parse(albAllowedCidrs=[cidr]).alb_allowed_cidrs == (cidr,)


def test_allow_lists_have_the_length_that_aws_and_the_nat_gateways_leave(problems, parse):
    ranges = [f"198.51.100.{number}/32" for number in range(61)]
    assert len(parse(apiAllowedCidrs=ranges[:38]).api_allowed_cidrs) == 38
    assert len(parse(albAllowedCidrs=ranges[:60]).alb_allowed_cidrs) == 60
    (api,) = problems(apiAllowedCidrs=ranges[:39])
    (alb,) = problems(albAllowedCidrs=ranges)
    assert api.endswith(
        " has 39 ranges. 1 to 38 are possible (EKS takes 40, and the two NAT gateways need theirs),"
        " e.g. pulumi config rm --path 'apiAllowedCidrs[38]'"
    )
    assert alb.endswith(
        " has 61 ranges. 1 to 60 are possible (a security group takes 60 rules),"
        " e.g. pulumi config rm --path 'albAllowedCidrs[60]'"
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        rejects(
            "managedNodes",
            "large",
            "managedNodes large is not a map of settings for the managed nodes. Set one, e.g. pulumi config rm"
            " managedNodes && pulumi config set --path managedNodes.instanceType t4g.medium",
        ),
        rejects(
            "nodeadmSha256",
            "abc",
            "nodeadmSha256 abc is not a map of digests by architecture, arm64 and amd64. Set one, e.g. pulumi config"
            f" rm nodeadmSha256 && pulumi config set --path nodeadmSha256.arm64 {DIGEST}",
        ),
    ],
)
def test_maps_that_are_not_maps_are_rejected(problems, advised, given, message):
    check(problems, advised, given, message)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        rejects(
            "podCdir",
            "10.0.0.0/16",
            f"podCdir is not a setting. Valid are {VALID}. Remove it, e.g. pulumi config rm podCdir",
        ),
        rejects(
            "vpc_cidr",
            "10.0.0.0/16",
            f"vpc_cidr is not a setting. Valid are {VALID}. Remove it, e.g. pulumi config rm vpc_cidr",
        ),
        rejects(
            "managedNodes",
            {"size": 3},
            "managedNodes.size is not a setting of managedNodes. Valid are instanceType, min, max, desired, spot,"
            " diskGiB. Remove it, e.g. pulumi config rm --path managedNodes.size",
        ),
        rejects(
            "managedNodes",
            {"spot.price": 3},
            'managedNodes["spot.price"] is not a setting of managedNodes. Valid are instanceType, min, max, desired,'
            " spot, diskGiB. Remove it, e.g. pulumi config rm --path 'managedNodes[\"spot.price\"]'",
        ),
        rejects(
            "hybridNodes",
            [{"name": "a"}, {"name": "b", "disk": 30}],
            "hybridNodes[1].disk is not a setting of hybridNodes[1]. Valid are name, instanceType, os, diskGiB. Remove"
            " it, e.g. pulumi config rm --path 'hybridNodes[1].disk'",
        ),
        rejects(
            "nodeadmSha256",
            {"x86_64": "a"},
            "nodeadmSha256.x86_64 is not a setting of nodeadmSha256. Valid are arm64, amd64. Remove it,"
            " e.g. pulumi config rm --path nodeadmSha256.x86_64",
        ),
    ],
)
def test_unknown_names_are_rejected_at_any_depth_with_the_valid_ones(problems, advised, given, message):
    check(problems, advised, given, message)
