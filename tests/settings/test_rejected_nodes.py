"""Nodes and numbers: the exact message, and that its command mends the settings."""

import pytest

DNS_LABEL = "a DNS label of at most 54 characters (a-z, 0-9, - inside)"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "sampleNodePort",
            "29999",
            (
                "sampleNodePort 29999 is not a port from 30000 to 32767. Set one,"
                " e.g. pulumi config set sampleNodePort 30080"
            ),
        ),
        (
            "sampleNodePort",
            "32768",
            (
                "sampleNodePort 32768 is not a port from 30000 to 32767. Set one,"
                " e.g. pulumi config set sampleNodePort 30080"
            ),
        ),
        (
            "sampleNodePort",
            "http",
            (
                "sampleNodePort http is not a port from 30000 to 32767. Set one,"
                " e.g. pulumi config set sampleNodePort 30080"
            ),
        ),
        (
            "availabilityZones",
            "1",
            (
                "availabilityZones 1 is not a number of availability zones, 2 or 3. Set one,"
                " e.g. pulumi config set availabilityZones 2"
            ),
        ),
        (
            "availabilityZones",
            "4",
            (
                "availabilityZones 4 is not a number of availability zones, 2 or 3. Set one,"
                " e.g. pulumi config set availabilityZones 2"
            ),
        ),
        (
            "managedNodes",
            {"min": -1},
            (
                "managedNodes.min -1 is not a number of nodes from 0 to 450. Set one,"
                " e.g. pulumi config set --path managedNodes.min 1"
            ),
        ),
        (
            "managedNodes",
            {"min": 451},
            (
                "managedNodes.min 451 is not a number of nodes from 0 to 450. Set one,"
                " e.g. pulumi config set --path managedNodes.min 1"
            ),
        ),
        (
            "managedNodes",
            {"desired": 451},
            (
                "managedNodes.desired 451 is not a number of nodes from 1 to 450. Set one,"
                " e.g. pulumi config set --path managedNodes.desired 2"
            ),
        ),
        (
            "managedNodes",
            {"max": 451},
            (
                "managedNodes.max 451 is not a number of nodes from 1 to 450. Set one,"
                " e.g. pulumi config set --path managedNodes.max 3"
            ),
        ),
        (
            "managedNodes",
            {"max": 0},
            (
                "managedNodes.max 0 is not a number of nodes from 1 to 450. Set one,"
                " e.g. pulumi config set --path managedNodes.max 3"
            ),
        ),
        (
            "managedNodes",
            {"min": 0, "desired": 0},
            (
                "managedNodes.desired 0 is not a number of nodes from 1 to 450. Set one,"
                " e.g. pulumi config set --path managedNodes.desired 2"
            ),
        ),
        (
            "managedNodes",
            {"min": True},
            (
                "managedNodes.min true is not a number of nodes from 0 to 450. Set one,"
                " e.g. pulumi config set --path managedNodes.min 1"
            ),
        ),
        (
            "managedNodes",
            {"spot": "perhaps"},
            (
                "managedNodes.spot perhaps is not true or false. Set one,"
                " e.g. pulumi config set --path managedNodes.spot false"
            ),
        ),
        (
            "managedNodes",
            {"diskGiB": 19},
            (
                "managedNodes.diskGiB 19 is not a disk of 20 to 16384 GiB. Set one,"
                " e.g. pulumi config set --path managedNodes.diskGiB 30"
            ),
        ),
        (
            "hybridNodes",
            [{"name": "a"}, {"name": "b", "diskGiB": 16385}],
            (
                "hybridNodes[1].diskGiB 16385 is not a disk of 20 to 16384 GiB. Set one,"
                " e.g. pulumi config set --path 'hybridNodes[1].diskGiB' 30"
            ),
        ),
    ],
)
def test_numbers_out_of_their_bounds_are_rejected(rejects, name, value, message):
    rejects(name, value, message)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "managedNodes",
            {"instanceType": "t4g.medium,t3.medium,t4g.large"},
            (
                "managedNodes.instanceType t4g.medium,t3.medium,t4g.large mixes arm64 and amd64. A node"
                " group has one AMI,"
                " so name types of one architecture,"
                " e.g. pulumi config set --path managedNodes.instanceType t4g.medium,t4g.large"
            ),
        ),
        (
            "managedNodes",
            {"instanceType": "t4g.medium, big"},
            (
                'managedNodes.instanceType "t4g.medium, big" is not an EC2 instance type. Write family.size,'
                " e.g. pulumi config set --path managedNodes.instanceType t4g.medium"
            ),
        ),
        (
            "managedNodes",
            {"instanceType": ["t4g.medium", 7, None]},
            (
                'managedNodes.instanceType ["t4g.medium", 7, null] is not an EC2 instance type, or several separated by'
                " commas. Set one, e.g. pulumi config set --path managedNodes.instanceType t4g.medium"
            ),
        ),
        (
            "managedNodes",
            {"instanceType": "t3.micro"},
            (
                "managedNodes.instanceType t3.micro is too small for a node. Choose 2 GiB of memory or more,"
                " e.g. pulumi config set --path managedNodes.instanceType t4g.medium"
            ),
        ),
        (
            "managedNodes",
            {"instanceType": "a1.large"},
            (
                "managedNodes.instanceType a1.large has Graviton 1 processors, on which Amazon Linux 2023 does not"
                " boot. Choose another type, e.g. pulumi config set --path managedNodes.instanceType t4g.medium"
            ),
        ),
        (
            "hybridNodes",
            [{"name": "a", "instanceType": "mac2.metal"}],
            (
                "hybridNodes[0].instanceType mac2.metal is a Mac, for which there is no Linux image. Choose another"
                " type, e.g. pulumi config set --path 'hybridNodes[0].instanceType' t4g.medium"
            ),
        ),
        (
            "hybridNodes",
            [{"name": "a", "instanceType": "t4g.nano"}],
            (
                "hybridNodes[0].instanceType t4g.nano is too small for a node. Choose 2 GiB of memory or more,"
                " e.g. pulumi config set --path 'hybridNodes[0].instanceType' t4g.medium"
            ),
        ),
        (
            "hybridNodes",
            [{"name": "a", "instanceType": "t4g.medium,t4g.large"}],
            (
                "hybridNodes[0].instanceType t4g.medium,t4g.large is not an EC2 instance type. Write family.size,"
                " e.g. pulumi config set --path 'hybridNodes[0].instanceType' t4g.medium"
            ),
        ),
    ],
)
def test_instance_types_that_cannot_work_are_rejected(rejects, name, value, message):
    rejects(name, value, message)


def test_the_bounds_themselves_are_accepted(parse):
    least = parse(
        managedNodes={"min": 0, "desired": 1, "max": 1, "diskGiB": 20},
        hybridNodes=[{"name": "a", "diskGiB": 20}],
        sampleNodePort="30000",
        availabilityZones="2",
    )
    most = parse(
        managedNodes={"min": 450, "desired": 450, "max": 450, "diskGiB": 16384},
        hybridNodes=[{"name": "a", "diskGiB": 16384}],
        sampleNodePort="32767",
        availabilityZones="3",
    )
    assert (least.managed_nodes.min, least.managed_nodes.desired, least.managed_nodes.max) == (0, 1, 1)
    assert most.managed_nodes.min == most.managed_nodes.desired == most.managed_nodes.max == 450
    assert (least.hybrid_nodes[0].disk_gib, most.hybrid_nodes[0].disk_gib) == (20, 16384)
    assert (least.sample_node_port, most.sample_node_port) == (30000, 32767)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "hybridNodes",
            [{"name": True}],
            (
                "hybridNodes[0].name true is not a name for the node. Set one,"
                " e.g. pulumi config set --path 'hybridNodes[0].name' hybrid-1"
            ),
        ),
        (
            "hybridNodes",
            [{"name": "a", "os": None}],
            (
                "hybridNodes[0].os null is not the name of an operating system. Set one,"
                " e.g. pulumi config set --path 'hybridNodes[0].os' ubuntu-24.04"
            ),
        ),
        (
            "hybridNodes",
            [{"name": "a", "instanceType": ["t4g.medium"]}],
            (
                'hybridNodes[0].instanceType ["t4g.medium"] is not an EC2 instance type. Set one,'
                " e.g. pulumi config set --path 'hybridNodes[0].instanceType' t4g.medium"
            ),
        ),
        (
            "nodeadmSha256",
            {"arm64": True},
            (
                "nodeadmSha256.arm64 true is not a SHA-256 digest. Set one,"
                f" e.g. pulumi config set --path nodeadmSha256.arm64 {'0123456789abcdef' * 4}"
            ),
        ),
        (
            "nodeadmSha256",
            {"arm64": "f" * 64, "amd64": False},
            (
                "nodeadmSha256.amd64 false is not a SHA-256 digest. Set one,"
                f" e.g. pulumi config set --path nodeadmSha256.amd64 {'0123456789abcdef' * 4}"
            ),
        ),
    ],
)
def test_texts_inside_a_map_or_a_list_must_be_texts(rejects, name, value, message):
    rejects(name, value, message)


def test_a_node_group_takes_twenty_instance_types_at_most(problems, parse, advised):
    types = [f"m{number}g.large" for number in range(21)]
    assert len(parse(managedNodes={"instanceType": ",".join(types[:20])}).managed_nodes.instance_types) == 20
    (message,) = problems(managedNodes={"instanceType": ",".join(types)})
    assert message.endswith(
        " names 21 types. Name 20 at most, e.g. pulumi config set --path managedNodes.instanceType m0g.large,m1g.large"
    )
    assert advised(managedNodes={"instanceType": ",".join(types)})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "hybridNodes",
            [],
            (
                "hybridNodes [] has 0 hybrid nodes. 1 or more are possible (one is the least),"
                " e.g. pulumi config set --path 'hybridNodes[0].name' hybrid-1"
            ),
        ),
        (
            "hybridNodes",
            [{"name": "a"}, {"os": "al2023"}],
            (
                "hybridNodes[1].name is not set. Set a name for the node,"
                " e.g. pulumi config set --path 'hybridNodes[1].name' hybrid-2"
            ),
        ),
        (
            "hybridNodes",
            [{"name": "a", "os": "rhel-9"}],
            (
                "hybridNodes[0].os rhel-9 is not one of ubuntu-24.04, ubuntu-22.04, al2023 (RHEL is not supported:"
                " the join was never run on it, see docs/data-centre.md). Choose one of them,"
                " e.g. pulumi config set --path 'hybridNodes[0].os' ubuntu-24.04"
            ),
        ),
        (
            "hybridNodes",
            [{"name": "a"}, {"name": "Node_B"}],
            (
                f"hybridNodes[1].name Node_B is not {DNS_LABEL}. Set one,"
                " e.g. pulumi config set --path 'hybridNodes[1].name' hybrid-2"
            ),
        ),
        (
            "hybridNodes",
            [None, {"name": "b"}],
            (
                "hybridNodes[0] null cannot be an entry of the list. Remove it,"
                " e.g. pulumi config rm --path 'hybridNodes[0]'"
            ),
        ),
        (
            "hybridNodes",
            "hybrid-1",
            (
                "hybridNodes hybrid-1 is not a list of hybrid nodes. Set one,"
                " e.g. pulumi config rm hybridNodes && pulumi config set --path 'hybridNodes[0].name' hybrid-1"
            ),
        ),
    ],
)
def test_hybrid_nodes_that_cannot_be_are_rejected(rejects, name, value, message):
    rejects(name, value, message)


@pytest.mark.parametrize("name", ["-a", "a-", "a.b", "a_b", "A", "", "a" * 55])
def test_names_that_are_not_dns_labels_are_rejected(problems, name):
    (message,) = problems(hybridNodes=[{"name": name}])
    assert f" is not {DNS_LABEL}." in message


@pytest.mark.parametrize("name", ["a", "1", "rack-7-slot-3", "a" * 54])
def test_dns_labels_are_taken_as_names(parse, name):
    assert parse(hybridNodes=[{"name": name}]).hybrid_nodes[0].name == name


def test_more_than_a_thousand_machines_may_register(parse):
    # Systems Manager had a limit of 1,000 in its standard tier until 2026-06-30.
    nodes = [{"name": f"n-{number}"} for number in range(1001)]
    assert len(parse(hybridNodes=nodes, onPremVpcCidr="10.90.0.0/17").hybrid_nodes) == 1001


NODE = {"name": "a"}


def test_labels_taints_and_zone_are_taken_as_kubernetes_takes_them(parse):
    (node,) = parse(
        hybridNodes=[
            {
                **NODE,
                "zone": "osaka",
                "labels": {"rack": "r1", "example.com/team": "ml", "empty": ""},
                "taints": ["dedicated=batch:NoSchedule", "example.com/gpu:NoExecute"],
            }
        ]
    ).hybrid_nodes
    assert node.labels == {"rack": "r1", "example.com/team": "ml", "empty": ""}
    assert node.taints == ("dedicated=batch:NoSchedule", "example.com/gpu:NoExecute")
    assert (node.zone, parse().hybrid_nodes[0].zone) == ("osaka", "onprem")


@pytest.mark.parametrize(
    ("part", "words"),
    [
        *(
            ({"labels": {key: "x"}}, f"has the key {key}, and {reserved} is reserved")
            for key, reserved in {
                "kubernetes.io/role": "kubernetes.io",
                "node-role.kubernetes.io/x": "kubernetes.io",
                "node.k8s.io/x": "k8s.io",
                "eks.amazonaws.com/compute-type": "eks.amazonaws.com",
                "projectcalico.org/x": "projectcalico.org",
                "eks-hybrid-calico/name": "eks-hybrid-calico",
            }.items()
        ),
        ({"labels": {"-x": "y"}}, "has the key -x, which is no label's"),
        ({"labels": {"rack": "r 1"}}, "has rack=r 1, which is no value of a label"),
        ({"labels": {"rack": "r1,a=b"}}, "has rack=r1,a=b, which is no value of a label"),
        ({"labels": {"rack": "a" * 301}}, "which is no value of a label"),
        ({"labels": {f"k{n}": "v" * 60 for n in range(5)}}, "has, with the taints, 310 characters"),
        ({"taints": ["dedicated"]}, "is not a taint"),
        ({"taints": ["dedicated=batch:Never"]}, "is not a taint"),
        ({"taints": ["node.kubernetes.io/x:NoSchedule"]}, "kubernetes.io is reserved"),
        ({"taints": ["a:NoSchedule", "a:NoSchedule"]}, "has a:NoSchedule twice"),
        ({"zone": "a b"}, "is not the name of a zone"),
        ({"zone": ""}, "is not the name of a zone"),
    ],
)
def test_labels_taints_and_zones_that_kubernetes_would_refuse_are_refused_with_a_way_out(
    problems, advised, part, words
):
    (text,) = problems(hybridNodes=[{**NODE, **part}])
    assert words in text
    assert "hybridNodes[0]" in text
    assert "pulumi config" in text
    assert advised(hybridNodes=[{**NODE, **part}])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"moreManagedNodes": [{"name": "a", "min": 3, "max": 2}]},
            (
                "moreManagedNodes[0].max 2 is below moreManagedNodes[0].min 3. Keep min <= desired <= max,"
                " e.g. pulumi config set --path 'moreManagedNodes[0].max' 3"
            ),
        ),
        (
            {"moreManagedNodes": [{"name": "a"}, {"name": "a"}]},
            (
                "moreManagedNodes[1].name a is the name of moreManagedNodes[0] too. Give each group its own name,"
                " e.g. pulumi config set --path 'moreManagedNodes[1].name' pool-1"
            ),
        ),
        (
            {"managedNodes": {"taints": ["gpu=yes:NoSchedule"]}},
            (
                "managedNodes.taints[0] gpu=yes:NoSchedule would keep CoreDNS, Calico's controllers and metrics-server"
                " out, which run on this group. Put nodes with such a taint into a group of moreManagedNodes,"
                " e.g. pulumi config rm --path 'managedNodes.taints[0]'"
            ),
        ),
        (
            {"moreManagedNodes": [{"name": "inf", "ami": "neuron"}]},
            (
                "moreManagedNodes[0].ami neuron is for amd64, and moreManagedNodes[0].instanceType t4g.medium is arm64."
                " AWS builds it for inf and trn instances, e.g. pulumi config rm --path 'moreManagedNodes[0].ami'"
            ),
        ),
        (
            {"vpcCidr": "10.10.0.0/24", "moreManagedNodes": [{"name": "a", "max": 40}]},
            (
                "managedNodes.max 3 nodes and 40 of moreManagedNodes do not fit the private subnets of vpcCidr"
                " 10.10.0.0/24, which hold 22 beside 16 addresses each for the control plane. Choose fewer nodes or a"
                " larger VPC, e.g. pulumi config rm moreManagedNodes"
            ),
        ),
    ],
    ids=["sizes", "names", "taints", "image", "addresses"],
)
def test_groups_that_cannot_be_are_rejected_and_the_advice_mends_them(problems, advised, given, message):
    assert problems(**given) == [f"eks-hybrid-calico:{message}"]
    assert advised(**given)


def test_a_group_has_the_defaults_of_the_first_one_and_a_name(parse):
    (group,) = parse(moreManagedNodes=[{"name": "gpu", "taints": ["gpu:NoExecute"]}]).more_managed_nodes
    assert (group.name, group.instance_types, group.max, group.ami) == ("gpu", ("t4g.medium",), 3, "standard")
    assert group.taints == ("gpu:NoExecute",)
