"""Values that are each right and do not fit together."""

import re
from ipaddress import IPv4Network

import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import settings
from settings.checks import problems_between
from tests.settings.conftest import PROJECT

DIGEST = "0123456789abcdef" * 4
RANGES = ("vpcCidr", "onPremVpcCidr", "podCidr", "serviceCidr")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"onPremVpcCidr": "10.10.128.0/20"},
            (
                "onPremVpcCidr 10.10.128.0/20 overlaps vpcCidr 10.10.0.0/16. Choose a private range"
                " outside the EKS VPC,"
                " e.g. pulumi config set onPremVpcCidr 10.90.0.0/16"
            ),
        ),
        (
            {"podCidr": "10.10.0.0/16"},
            (
                "podCidr 10.10.0.0/16 overlaps vpcCidr 10.10.0.0/16. Choose a private range outside both VPCs,"
                " e.g. pulumi config set podCidr 192.168.0.0/16"
            ),
        ),
        (
            {"podCidr": "10.88.0.0/14"},
            (
                "podCidr 10.88.0.0/14 overlaps onPremVpcCidr 10.90.0.0/16. Choose a private range outside both VPCs,"
                " e.g. pulumi config set podCidr 192.168.0.0/16"
            ),
        ),
        (
            {"serviceCidr": "10.10.4.0/24"},
            (
                "serviceCidr 10.10.4.0/24 overlaps vpcCidr 10.10.0.0/16. Choose a private range outside both VPCs and"
                " podCidr, e.g. pulumi config set serviceCidr 172.16.0.0/16"
            ),
        ),
        (
            {"serviceCidr": "10.90.4.0/24"},
            (
                "serviceCidr 10.90.4.0/24 overlaps onPremVpcCidr 10.90.0.0/16. Choose a private range outside both VPCs"
                " and podCidr, e.g. pulumi config set serviceCidr 172.16.0.0/16"
            ),
        ),
        (
            {"serviceCidr": "192.168.4.0/24"},
            (
                "serviceCidr 192.168.4.0/24 overlaps podCidr 192.168.0.0/16. Choose a private range"
                " outside both VPCs and"
                " podCidr, e.g. pulumi config set serviceCidr 172.16.0.0/16"
            ),
        ),
        (
            {"vpcCidr": "192.168.0.0/16"},
            (
                "podCidr 192.168.0.0/16 overlaps vpcCidr 192.168.0.0/16. Choose a private range outside both VPCs,"
                " e.g. pulumi config set podCidr 10.0.0.0/16"
            ),
        ),
    ],
)
def test_no_two_of_the_four_networks_may_overlap(problems, advised, given, message):
    assert problems(**given) == [f"eks-hybrid-calico:{message}"]
    assert advised(**given)


def _private_networks(smallest, largest):
    """Private ranges of the sizes a setting may have; small pools, so that overlaps are common."""
    pools = st.sampled_from(["10.0.0.0/8", "192.168.0.0/16", "172.24.0.0/14"])
    prefixes = st.integers(smallest, largest)
    return st.builds(_part, pools, prefixes, st.integers(0, 2**24))


def _part(pool, prefix, position):
    whole = IPv4Network(pool)
    prefix = max(prefix, whole.prefixlen)
    size = 2 ** (32 - prefix)
    start = int(whole.network_address) + position % (whole.num_addresses // size) * size
    return str(IPv4Network((start, prefix)))


@given(
    _private_networks(16, 20), _private_networks(16, 20), _private_networks(8, 20), _private_networks(12, 20)
)
@hypothesis_settings(max_examples=80)
def test_networks_are_accepted_exactly_when_they_are_disjoint(vpc, on_prem, pods, services):
    chosen = dict(zip(RANGES, (vpc, on_prem, pods, services), strict=True))
    networks = [IPv4Network(each) for each in chosen.values()]
    clashes = sum(a.overlaps(b) for index, a in enumerate(networks) for b in networks[index + 1 :])
    raw = {"aws:region": "eu-west-1"} | {f"{PROJECT}:{name}": cidr for name, cidr in chosen.items()}
    try:
        settings.parse(raw, project=PROJECT)
        reported = []
    except settings.SettingsError as error:
        reported = [problem for problem in error.problems if " overlaps " in problem]
    assert len(reported) == clashes


@given(
    _private_networks(16, 20), _private_networks(16, 20), _private_networks(8, 20), _private_networks(12, 20)
)
@hypothesis_settings(max_examples=80)
def test_the_network_that_a_message_proposes_is_free(vpc, on_prem, pods, services):
    chosen = dict(zip(RANGES, (vpc, on_prem, pods, services), strict=True))
    raw = {"aws:region": "eu-west-1"} | {f"{PROJECT}:{name}": cidr for name, cidr in chosen.items()}
    try:
        settings.parse(raw, project=PROJECT)
        first = None
    except settings.SettingsError as error:
        first = re.search(r"pulumi config set (\w+) (\S+)$", error.problems[0])
    assume(first is not None)
    assert first is not None
    name, proposed = first.groups()
    others = [IPv4Network(cidr) for other, cidr in chosen.items() if other != name]
    assert not any(IPv4Network(proposed).overlaps(each) for each in others)


def test_calico_is_combined_with_the_kubernetes_versions_it_was_tested_with(problems, advised, parse):
    assert parse(kubernetesVersion="1.33", calicoVersion="3.31.7").kubernetes_version == "1.33"
    assert parse(kubernetesVersion="1.36").calico_version == "3.32.1"
    assert problems(kubernetesVersion="1.36", calicoVersion="3.31.7") == [
        (
            "eks-hybrid-calico:calicoVersion 3.31.7 is not tested with kubernetesVersion 1.36 but with"
            " 1.33, 1.34, 1.35."
            " Choose 3.32.1, e.g. pulumi config set calicoVersion 3.32.1"
        )
    ]
    assert problems(kubernetesVersion="1.33") == [
        (
            "eks-hybrid-calico:calicoVersion 3.32.1 is not tested with kubernetesVersion 1.33 but with"
            " 1.34, 1.35, 1.36."
            " Choose 3.31.7, e.g. pulumi config set calicoVersion 3.31.7"
        )
    ]
    assert advised(kubernetesVersion="1.33").calico_version == "3.31.7"


def test_a_digest_needs_the_manifest_that_it_is_of(problems, advised):
    assert problems(calicoManifestSha256=DIGEST) == [
        (
            f"eks-hybrid-calico:calicoManifestSha256 {DIGEST} has no calicoManifest to belong to. The digest of the"
            " release's own manifest is known; remove this one, e.g. pulumi config rm calicoManifestSha256"
        )
    ]
    assert advised(calicoManifestSha256=DIGEST).calico_manifest_sha256 is None


def test_a_pinned_nodeadm_digest_needs_a_pinned_release(problems, advised):
    given = {"nodeadmSha256": {"arm64": DIGEST}, "nodeadmVersion": "latest"}
    assert problems(**given) == [
        (
            "eks-hybrid-calico:nodeadmVersion latest moves, and nodeadmSha256 pins one build. Name the release that the"
            " digest is of, e.g. pulumi config set nodeadmVersion v1.0.20"
        )
    ]
    assert advised(**given).nodeadm_version == "v1.0.20"


def test_a_pinned_nodeadm_digest_must_cover_every_architecture_in_use(problems, advised, parse):
    nodes = [
        {"name": "a"},
        {"name": "b", "instanceType": "t3.medium"},
        {"name": "c", "instanceType": "t3.large"},
    ]
    given = {"hybridNodes": nodes, "nodeadmSha256": {"arm64": DIGEST}}
    assert problems(**given) == [
        (
            f'eks-hybrid-calico:nodeadmSha256 {{"arm64": "{DIGEST}"}} has no digest for amd64, which'
            " hybridNodes[1] needs."
            " Pin every architecture in use, or none, e.g. pulumi config rm nodeadmSha256"
        )
    ]
    assert advised(**given)
    both = parse(hybridNodes=nodes, nodeadmSha256={"arm64": DIGEST, "amd64": "f" * 64})
    assert both.nodeadm_digests["arm64"] == DIGEST
    assert both.nodeadm_digests["amd64"] == "f" * 64


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        (
            {"min": 4},
            (
                "managedNodes.max 3 is below managedNodes.min 4. Keep min <= desired <= max,"
                " e.g. pulumi config set --path managedNodes.max 4"
            ),
        ),
        (
            {"min": 3},
            (
                "managedNodes.desired 2 is below managedNodes.min 3. Keep min <= desired <= max,"
                " e.g. pulumi config set --path managedNodes.desired 3"
            ),
        ),
        (
            {"desired": 4},
            (
                "managedNodes.desired 4 is above managedNodes.max 3. Keep min <= desired <= max,"
                " e.g. pulumi config set --path managedNodes.max 4"
            ),
        ),
    ],
)
def test_the_sizes_of_the_node_group_must_be_in_order(problems, advised, sizes, message):
    assert problems(managedNodes=sizes) == [f"eks-hybrid-calico:{message}"]
    assert advised(managedNodes=sizes)


def test_the_sizes_of_the_node_group_may_be_equal(parse):
    group = parse(managedNodes={"min": 2, "max": 2, "desired": 2}).managed_nodes
    assert (group.min, group.desired, group.max) == (2, 2, 2)


def test_hybrid_nodes_must_have_different_names(problems, advised):
    nodes = [{"name": "hybrid-1"}, {"name": "hybrid-1"}, {"name": "hybrid-2"}, {"name": "hybrid-1"}]
    assert problems(hybridNodes=nodes) == [
        (
            "eks-hybrid-calico:hybridNodes[1].name hybrid-1 is the name of hybridNodes[0] too. Give each node its own"
            " name, e.g. pulumi config set --path 'hybridNodes[1].name' hybrid-3"
        ),
        (
            "eks-hybrid-calico:hybridNodes[3].name hybrid-1 is the name of hybridNodes[0] too. Give each node its own"
            " name, e.g. pulumi config set --path 'hybridNodes[3].name' hybrid-4"
        ),
    ]
    assert {node.name for node in advised(hybridNodes=nodes).hybrid_nodes} == {
        "hybrid-1",
        "hybrid-2",
        "hybrid-3",
        "hybrid-4",
    }


def test_every_node_that_may_come_needs_a_block_of_the_pod_network(problems, advised, parse):
    nodes = [{"name": "a"}, {"name": "b"}]
    given = {"podCidr": "192.168.0.0/24", "managedNodes": {"max": 3}, "hybridNodes": nodes}
    assert problems(**given) == [
        (
            "eks-hybrid-calico:podCidr 192.168.0.0/24 has 4 blocks of /26 for 5 nodes (managedNodes.max"
            " 3 and 2 hybrid)."
            " Each node needs a block; choose a larger range, e.g. pulumi config set podCidr 192.168.0.0/16"
        )
    ]
    assert advised(**given)
    assert parse(**given | {"hybridNodes": nodes[:1]}).pod_cidr == "192.168.0.0/24"


def test_a_pod_network_for_more_nodes_than_a_16_holds_is_proposed_larger(problems, advised):
    nodes = [{"name": f"n-{number}"} for number in range(700)]
    given = {"hybridNodes": nodes, "managedNodes": {"max": 400}, "onPremVpcCidr": "10.90.0.0/17"}
    (message,) = problems(**given)
    assert message == (
        "eks-hybrid-calico:podCidr 192.168.0.0/16 has 1024 blocks of /26 for 1100 nodes (managedNodes.max 400 and 700"
        " hybrid). Each node needs a block; choose a larger range, e.g. pulumi config set podCidr 10.0.0.0/15"
    )
    assert advised(**given).pod_cidr == "10.0.0.0/15"


def test_the_private_subnets_must_hold_the_managed_nodes_and_the_control_plane(problems, advised, parse):
    given = {"vpcCidr": "10.10.0.0/24", "managedNodes": {"max": 23}}
    assert problems(**given) == [
        (
            "eks-hybrid-calico:managedNodes.max 23 nodes do not fit the private subnets of vpcCidr"
            " 10.10.0.0/24, which hold"
            " 22 beside 16 addresses each for the control plane. Choose fewer nodes or a larger VPC,"
            " e.g. pulumi config set --path managedNodes.max 22"
        )
    ]
    assert advised(**given).managed_nodes.max == 22
    assert parse(**given, availabilityZones="3").managed_nodes.max == 23


def test_the_private_subnet_of_the_on_prem_vpc_must_hold_the_hybrid_nodes(problems, advised, parse):
    nodes = [{"name": f"n-{number}"} for number in range(252)]
    assert len(parse(hybridNodes=nodes[:251]).hybrid_nodes) == 251
    assert problems(hybridNodes=nodes) == [
        (
            "eks-hybrid-calico:hybridNodes 252 nodes do not fit the 251 addresses of 10.90.1.0/24, the"
            " private subnet of"
            " onPremVpcCidr. A /17 has the largest subnets, of /20, e.g. pulumi config set onPremVpcCidr 10.90.0.0/17"
        )
    ]
    assert advised(hybridNodes=nodes).on_prem_vpc_cidr == "10.90.0.0/17"


def test_everything_that_is_wrong_is_listed_at_once(problems):
    found = problems(
        podCidr="10.10.0.0/16",
        sampleNodePort="80",
        clusterName="-",
        hybridNodes=[{"name": "a", "os": "rhel"}, {"name": "A"}],
        managedNodes={"min": 5},
        nope="1",
    )
    named = [problem.split()[0].removeprefix("eks-hybrid-calico:") for problem in found]
    assert sorted(named) == [
        "clusterName",
        "hybridNodes[0].os",
        "hybridNodes[1].name",
        "managedNodes.max",
        "nope",
        "podCidr",
        "sampleNodePort",
    ]


def test_a_pod_network_for_as_many_nodes_as_a_16_holds_is_proposed_as_a_16(problems):
    nodes = [{"name": f"n-{number}"} for number in range(1000)]
    given = {"hybridNodes": nodes, "podCidr": "10.0.0.0/17", "onPremVpcCidr": "10.90.0.0/17"}
    (fits,) = problems(**given, managedNodes={"max": 24})
    (exceeds,) = problems(**given, managedNodes={"max": 25})
    assert fits.endswith(" e.g. pulumi config set podCidr 192.168.0.0/16")
    assert exceeds.endswith(" e.g. pulumi config set podCidr 10.0.0.0/15")


MANY = [{"name": f"n-{number}"} for number in range(252)]


@pytest.mark.parametrize(
    ("given", "compared"),
    [
        ({"onPremVpcCidr": "10.10.128.0/20"}, {"vpcCidr", "onPremVpcCidr", "site", "network"}),
        ({"podCidr": "10.10.0.0/16"}, {"vpcCidr", "podCidr", "network"}),
        ({"podCidr": "10.88.0.0/14"}, {"onPremVpcCidr", "podCidr", "site"}),
        ({"serviceCidr": "10.10.4.0/24"}, {"vpcCidr", "serviceCidr", "network"}),
        ({"serviceCidr": "10.90.4.0/24"}, {"onPremVpcCidr", "serviceCidr", "site"}),
        ({"serviceCidr": "192.168.4.0/24"}, {"podCidr", "serviceCidr"}),
        ({"kubernetesVersion": "1.33"}, {"kubernetesVersion", "calicoVersion"}),
        ({"calicoVersion": "3.32.4"}, {"calicoVersion", "calicoManifestSha256"}),
        (
            {"calicoManifestSha256": DIGEST},
            {"calicoVersion", "calicoManifest", "calicoManifestSha256"},
        ),
        ({"nodeadmSha256": {"amd64": DIGEST}}, {"nodeadmVersion", "nodeadmSha256", "hybridNodes"}),
        ({"managedNodes": {"min": 3}}, {"managedNodes", "moreManagedNodes"}),
        ({"moreManagedNodes": [{"name": "a"}, {"name": "a"}]}, {"moreManagedNodes"}),
        ({"managedNodes": {"taints": ["a:NoExecute"]}}, {"managedNodes"}),
        ({"hybridNodes": [{"name": "a"}, {"name": "a"}]}, {"hybridNodes"}),
        ({"podCidr": "192.168.0.0/26"}, {"podCidr", "managedNodes", "moreManagedNodes", "hybridNodes"}),
        (
            {"vpcCidr": "10.10.0.0/24", "managedNodes": {"max": 99}},
            {"vpcCidr", "availabilityZones", "managedNodes", "moreManagedNodes", "network"},
        ),
        ({"hybridNodes": MANY}, {"onPremVpcCidr", "hybridNodes", "site"}),
    ],
)
def test_a_comparison_is_left_out_when_one_of_its_settings_was_rejected(given, compared):
    found = settings.Settings.model_validate({"aws:region": "eu-west-1"} | given)
    every = {str(field.alias) for field in settings.Settings.model_fields.values()}
    assert {name for name in every if not list(problems_between(found, frozenset({name})))} == compared


def test_a_value_that_was_rejected_is_not_compared_with_the_others(problems):
    # The default in its place would fit or not fit: neither says anything about what the user wrote.
    assert len(problems(podCidr="nonsense", vpcCidr="192.168.0.0/16")) == 1
    assert len(problems(kubernetesVersion="1.99", calicoVersion="3.31.7")) == 1


def test_the_whole_message_has_one_line_for_each_problem(raw):
    with pytest.raises(settings.SettingsError) as caught:
        settings.parse(raw(podCidr="10.10.0.0/16", nope="1"), project=PROJECT)
    lines = str(caught.value).splitlines()
    assert lines[0] == "The settings of this stack cannot be used:"
    assert [line.strip() for line in lines[1:]] == list(caught.value.problems)
    assert len(lines) == 3


def test_a_release_without_a_known_digest_says_how_to_get_it(problems):
    assert problems(calicoVersion="3.32.4") == [
        (
            "eks-hybrid-calico:calicoVersion 3.32.4 has no digest in this program, and calicoManifestSha256 is not set."
            " The table has 3.32.1, 3.31.7. Any other release needs its digest, which this command reads from the"
            " release's manifest and prints as settings, e.g. .venv/bin/ops pin calico 3.32.4"
        )
    ]


def test_kubernetes_1_37_leads_to_the_calico_line_that_is_tested_with_it(problems):
    assert problems(kubernetesVersion="1.37") == [
        (
            "eks-hybrid-calico:calicoVersion 3.32.1 is not tested with kubernetesVersion 1.37 but with 1.34, 1.35,"
            " 1.36. Choose 3.33.1, whose digest this command reads and prints with the settings; a stack that is up"
            " gets Calico first, then Kubernetes in a pulumi up of its own (docs/upgrade.md), e.g."
            " .venv/bin/ops pin calico 3.33.1"
        )
    ]


def test_a_pod_network_for_more_nodes_than_a_15_holds_is_proposed_larger(problems):
    nodes = [{"name": f"n-{number}"} for number in range(2500)]
    (found,) = problems(hybridNodes=nodes, podCidr="10.0.0.0/17", onPremVpcCidr="10.90.0.0/17")
    assert found.endswith(" e.g. pulumi config set podCidr 10.0.0.0/14")
