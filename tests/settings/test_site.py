"""A data centre of one's own: what its settings must be, each wrong one with the command that fixes it."""

import pytest

SITE = {"nodeCidrs": ["10.80.0.0/16"], "transitGatewayId": "tgw-0123456789abcdef0"}
MACHINE = {"name": "rack-1", "address": "10.80.0.11"}


@pytest.fixture
def own(problems):
    """The problems of a stack with a site and machines."""

    def find(site=(), nodes=(MACHINE,), **others):
        return problems(site={**SITE, **dict(site)}, hybridNodes=list(nodes), **others)

    return find


def test_without_ranges_the_site_is_the_vpc_that_plays_one(parse):
    found = parse()
    assert not found.site.is_own
    assert found.calico_mtu == 0
    assert found.activation_hours == 24


def test_a_site_of_ones_own_has_machines_with_addresses_and_an_mtu_that_a_vpn_carries(parse):
    found = parse(site=SITE, hybridNodes=[MACHINE, {**MACHINE, "name": "b", "address": "10.80.0.12"}])
    assert found.site.is_own
    assert found.calico_mtu == 1356
    assert [(node.address, node.architecture) for node in found.hybrid_nodes] == [
        ("10.80.0.11", "amd64"),
        ("10.80.0.12", "amd64"),
    ]


def test_an_architecture_and_an_mtu_that_are_set_count(parse):
    found = parse(site=SITE, hybridNodes=[{**MACHINE, "architecture": "arm64"}], podMtu=8900)
    assert (found.hybrid_nodes[0].architecture, found.calico_mtu) == ("arm64", 8900)


def test_the_ranges_of_a_site_may_take_the_place_of_the_vpc_that_is_not_built(parse):
    site = {**SITE, "nodeCidrs": ["10.90.0.0/16"]}
    assert parse(site=site, hybridNodes=[{**MACHINE, "address": "10.90.0.11"}]).site.is_own


@pytest.mark.parametrize(
    ("ways", "message"),
    [
        (
            {"transitGatewayId": ""},
            (
                'site.nodeCidrs ["10.80.0.0/16"] have no way that leads to them. Set one of site.transitGatewayId, '
                "site.vpnGatewayId, or, where you make the routes yourself, site.routes none, e.g. "
                "pulumi config set --path site.routes none"
            ),
        ),
        (
            {"vpnGatewayId": "vgw-0123456789abcdef0"},
            (
                "site.vpnGatewayId vgw-0123456789abcdef0 is a second way beside site.transitGatewayId. One "
                "of them leads to "
                "the ranges; remove the other, e.g. pulumi config rm --path site.vpnGatewayId"
            ),
        ),
        (
            {"noProxy": ".corp"},
            (
                "site.noProxy .corp has no site.httpsProxy to be an exception from. Remove it, or set the "
                "proxy, e.g. "
                "pulumi config rm --path site.noProxy"
            ),
        ),
        (
            {"nodeCidrs": ["10.80.0.0/16", "10.10.4.0/24"]},
            (
                "site.nodeCidrs[1] 10.10.4.0/24 overlaps vpcCidr 10.10.0.0/16. Your ranges are as they are: "
                "move vpcCidr, "
                "e.g. pulumi config set vpcCidr 10.0.0.0/16"
            ),
        ),
        (
            {"nodeCidrs": ["10.80.0.0/16", "192.168.7.0/24"]},
            (
                "site.nodeCidrs[1] 192.168.7.0/24 overlaps podCidr 192.168.0.0/16. Your ranges are as they "
                "are: move podCidr, "
                "e.g. pulumi config set podCidr 10.0.0.0/16"
            ),
        ),
        (
            {"nodeCidrs": ["10.80.0.0/16", "10.80.4.0/24"]},
            (
                "site.nodeCidrs[1] 10.80.4.0/24 overlaps site.nodeCidrs[0] 10.80.0.0/16. Remove the smaller "
                "one, e.g. "
                "pulumi config rm --path 'site.nodeCidrs[1]'"
            ),
        ),
        (
            {"nodeCidrs": ["8.8.8.0/24"]},
            (
                "site.nodeCidrs[0] 8.8.8.0/24 is not private. Choose a range inside 10.0.0.0/8, 172.16.0.0/12, "
                "192.168.0.0/16, 100.64.0.0/10, e.g. pulumi config set --path 'site.nodeCidrs[0]' 10.80.0.0/16"
            ),
        ),
        (
            {"httpsProxy": "http://u:p@proxy:3128"},
            (
                "site.httpsProxy http://u:p@proxy:3128 is not the address of a proxy, http://HOST:PORT "
                "without a user or a "
                "path. Set one, e.g. pulumi config set --path site.httpsProxy http://proxy.example.internal:3128"
            ),
        ),
        (
            {"transitGatewayId": "vgw-1"},
            (
                "site.transitGatewayId vgw-1 is not the id of a transit gateway. Set one, e.g. "
                "pulumi config set --path site.transitGatewayId tgw-0123456789abcdef0"
            ),
        ),
    ],
)
def test_a_site_that_cannot_be_is_refused_with_the_command_that_fixes_it(own, advised, ways, message):
    assert own(ways)[0] == f"eks-hybrid-calico:{message}"
    assert advised(site={**SITE, **ways}, hybridNodes=[MACHINE])


def test_sixteen_ranges_are_too_many_for_eks(own):
    ranges = [f"10.{number}.0.0/16" for number in range(80, 96)]
    (text,) = own({"nodeCidrs": ranges}, [{**MACHINE, "address": "10.80.0.9"}])
    assert "has 16 ranges. 0 to 15 are possible (EKS takes 15)" in text
    assert text.endswith("e.g. pulumi config rm --path 'site.nodeCidrs[15]'")


@pytest.mark.parametrize("name", ["transitGatewayId", "vpnGatewayId", "routes", "httpsProxy", "noProxy"])
def test_what_is_for_a_site_needs_its_ranges(problems, advised, name):
    value = {
        "transitGatewayId": "tgw-0123456789abcdef0",
        "vpnGatewayId": "vgw-0123456789abcdef0",
        "routes": "none",
        "httpsProxy": "http://proxy:3128",
        "noProxy": ".corp",
    }[name]
    assert problems(site={name: value}) == [
        (
            f"eks-hybrid-calico:site.{name} {value} is for a data centre of your own, and site.nodeCidrs is "
            f"not set. Set the "
            "ranges that your machines have their addresses in, e.g. pulumi config set --path "
            "'site.nodeCidrs[0]' 10.80.0.0/16"
        )
    ]
    # The commands lead on to a machine with an address; its name is the default's.
    assert advised(site={name: value}, hybridNodes=[{"name": "a"}])


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (
            [{"name": "rack-1"}],
            (
                "hybridNodes[0] rack-1 has no address, and a site of your own has no instances. Set the "
                "address that the "
                "machine has, e.g. pulumi config set --path 'hybridNodes[0].address' 10.80.0.1"
            ),
        ),
        (
            [MACHINE, {**MACHINE, "name": "rack-2"}],
            (
                "hybridNodes[1].address 10.80.0.11 is the address of hybridNodes[0] too. Each machine has "
                "its own, e.g. "
                "pulumi config set --path 'hybridNodes[1].address' 10.80.0.1"
            ),
        ),
        (
            [{**MACHINE, "address": "10.81.0.11"}],
            (
                "hybridNodes[0].address 10.81.0.11 is outside site.nodeCidrs 10.80.0.0/16, and nodeadm init "
                "refuses such a "
                "node. Write the machine's own address, or add its range, e.g. "
                "pulumi config set --path 'site.nodeCidrs[1]' 10.81.0.0/24"
            ),
        ),
        (
            [{**MACHINE, "address": "10.10.0.11"}],
            (
                "hybridNodes[0].address 10.10.0.11 is outside site.nodeCidrs 10.80.0.0/16, and nodeadm init "
                "refuses such a "
                "node. Write the machine's own address, or add its range, e.g. "
                "pulumi config set --path 'site.nodeCidrs[1]' 10.10.0.11/32"
            ),
        ),
        (
            [{**MACHINE, "address": "10.80.0.300"}],
            (
                "hybridNodes[0].address 10.80.0.300 is not an IPv4 address. Write the address of the machine, e.g. "
                "pulumi config set --path 'hybridNodes[0].address' 10.80.0.1"
            ),
        ),
        (
            [{**MACHINE, "address": "203.0.113.9"}],
            (
                "hybridNodes[0].address 203.0.113.9 is not private. Write an address inside 10.0.0.0/8, "
                "172.16.0.0/12, "
                "192.168.0.0/16, 100.64.0.0/10, e.g. pulumi config set --path 'hybridNodes[0].address' 10.80.0.1"
            ),
        ),
        (
            [{**MACHINE, "instanceType": "t4g.large"}],
            (
                "hybridNodes[0].instanceType t4g.large is for an instance, and this node has an address: it "
                "is a machine of "
                "your own. Remove it, e.g. pulumi config rm --path 'hybridNodes[0].instanceType'"
            ),
        ),
        (
            [{**MACHINE, "diskGiB": 40}],
            (
                "hybridNodes[0].diskGiB 40 is for an instance, and this node has an address: it is a "
                "machine of your own. "
                "Remove it, e.g. pulumi config rm --path 'hybridNodes[0].diskGiB'"
            ),
        ),
        (
            [{**MACHINE, "architecture": "riscv"}],
            (
                "hybridNodes[0].architecture riscv is not amd64 or arm64. Set one, e.g. "
                "pulumi config set --path 'hybridNodes[0].architecture' amd64"
            ),
        ),
    ],
)
def test_a_machine_that_cannot_be_is_refused_with_the_command_that_fixes_it(own, nodes, message):
    assert own(nodes=nodes) == [f"eks-hybrid-calico:{message}"]


def test_a_machine_outside_the_ranges_is_taken_in_by_the_command(advised):
    found = advised(site=SITE, hybridNodes=[{**MACHINE, "address": "10.81.0.11"}])
    assert found.site.node_cidrs == ("10.80.0.0/16", "10.81.0.0/24")


@pytest.mark.parametrize("node", [MACHINE, {"name": "a", "architecture": "amd64"}])
def test_a_machine_of_ones_own_needs_a_site_of_ones_own(problems, advised, node):
    (text,) = problems(hybridNodes=[node])
    assert "is for a machine of your own" in text
    assert advised(hybridNodes=[node])


@pytest.mark.parametrize("value", [-1, 576, 1279, 8952])
def test_an_mtu_that_pods_cannot_have_is_refused(rejects, value):
    rejects(
        "podMtu",
        value,
        f"podMtu {value} is not an MTU that pods can have. 0 is automatic, 1280 to 8951 bytes are possible; across a "
        "site-to-site VPN 1356 fits, e.g. pulumi config set podMtu 1356",
    )


@pytest.mark.parametrize("value", [0, 721])
def test_an_activation_lives_for_an_hour_to_thirty_days(rejects, value):
    rejects(
        "activationHours",
        value,
        f"activationHours {value} is not a number of hours from 1 to 720. Set one, e.g. "
        "pulumi config set activationHours 24",
    )


def test_the_networks_of_the_stack_stay_clear_of_the_site(own, advised):
    texts = own({"nodeCidrs": ["10.10.0.0/16"]}, [{**MACHINE, "address": "10.10.0.9"}])
    assert [text.rpartition("e.g. ")[2] for text in texts] == ["pulumi config set vpcCidr 10.0.0.0/16"]
    found = advised(
        site={**SITE, "nodeCidrs": ["10.0.0.0/8"]}, hybridNodes=[{**MACHINE, "address": "10.80.0.9"}]
    )
    assert found.vpc_cidr.startswith("172.")
