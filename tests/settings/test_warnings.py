from dataclasses import replace
from datetime import date, timedelta

import pytest

import settings
from infra import versions
from tests.conftest import CERTIFICATE
from tests.settings.conftest import PROJECT

TODAY = date(2026, 11, 23)
CLOSED = {"apiAllowedCidrs": ["203.0.113.0/24"], "albAllowedCidrs": ["203.0.113.0/24"]}


@pytest.fixture
def warned(parse):
    """The warnings of a stack that is otherwise closed to the world."""

    def warn(today=TODAY, **given):
        return settings.warnings(parse(**CLOSED | given), today, PROJECT)

    return warn


def test_a_stack_that_is_closed_and_up_to_date_has_no_warning(warned):
    assert warned() == []


def test_an_api_that_is_open_to_the_world_is_warned_of(warned):
    assert warned(apiAllowedCidrs=["198.51.100.0/24", "0.0.0.0/0"]) == [
        (
            "eks-hybrid-calico:apiAllowedCidrs[1] 0.0.0.0/0 lets the whole internet reach the Kubernetes"
            " API (which still"
            " asks for IAM credentials). Narrow it, e.g. pulumi config set --path 'apiAllowedCidrs[1]' 203.0.113.0/24"
        )
    ]


def test_an_alb_that_is_open_to_the_world_is_warned_of(warned):
    assert warned(albAllowedCidrs=["0.0.0.0/0"]) == [
        (
            "eks-hybrid-calico:albAllowedCidrs[0] 0.0.0.0/0 lets the whole internet reach the sample"
            " application. Narrow"
            " it, e.g. pulumi config set --path 'albAllowedCidrs[0]' 203.0.113.0/24"
        )
    ]


def test_without_the_sample_app_its_settings_are_no_warning(warned):
    settings = {"albAllowedCidrs": ["0.0.0.0/0"], "albCertificateArn": CERTIFICATE}
    assert len(warned(**settings)) == 2
    assert warned(**settings, sampleApp=False) == []


def test_more_than_fifty_nodes_without_typha_are_warned_of(warned):
    nodes = [{"name": f"n-{number}"} for number in range(48)]
    assert warned(hybridNodes=nodes[:47]) == []
    assert warned(hybridNodes=nodes) == [
        (
            "eks-hybrid-calico:managedNodes.max 3 and 48 hybrid nodes make 51 nodes. Above 50 Calico"
            " wants Typha, which its"
            " manifest does not have: each node then watches the API server on its own"
        )
    ]


def test_a_nodeadm_that_is_not_pinned_is_warned_of(warned):
    assert warned(nodeadmVersion="latest") == [
        (
            "eks-hybrid-calico:nodeadmVersion latest is a different program after each release, so two"
            " nodes may differ."
            " Pin it, e.g. pulumi config set nodeadmVersion v1.0.20"
        )
    ]


def test_a_nodeadm_whose_signing_key_is_past_its_date_is_warned_of(warned):
    expires = versions.NODEADM_SIGNING_KEY_EXPIRES
    given = {"kubernetesVersion": "1.36"}
    assert not [text for text in warned(expires, **given) if "nodeadm" in text]
    (text,) = (text for text in warned(expires + timedelta(days=1), **given) if "nodeadm" in text)
    assert text == (
        "eks-hybrid-calico:nodeadmVersion v1.0.20 carries an SSM signing key that expired on 2027-11-25: new hybrid"
        " nodes will not join. Choose a newer release of https://github.com/aws/eks-hybrid,"
        " e.g. pulumi config set nodeadmVersion latest"
    )


def test_a_nodeadm_newer_than_the_ones_known_here_may_have_a_newer_key(warned):
    late = versions.NODEADM_SIGNING_KEY_EXPIRES + timedelta(days=1)
    assert not [text for text in warned(late, nodeadmVersion="v1.0.21") if "nodeadm" in text]
    assert [text for text in warned(late, nodeadmVersion="v1.0.19") if "nodeadm" in text]


@pytest.mark.parametrize(
    ("today", "says"),
    [
        (date(2027, 6, 2), None),
        (date(2027, 6, 3), "leaves EKS standard support on 2027-08-02"),
        (date(2027, 8, 2), "leaves EKS standard support on 2027-08-02"),
        (date(2027, 8, 3), "left EKS standard support on 2027-08-02"),
    ],
)
def test_the_last_sixty_days_of_standard_support_are_warned_of_and_all_days_after(warned, today, says):
    assert warned(today) == (
        [
            (
                f"eks-hybrid-calico:kubernetesVersion 1.36 {says}; after it the control plane is upgraded by EKS"
                " itself, without the nodes (supportType STANDARD; at six times the price it keeps 1.36:"
                " pulumi config set supportType EXTENDED)."
                " Upgrade (with a Calico that fits it: 3.33.x), e.g. pulumi config set kubernetesVersion 1.37"
            )
        ]
        if says
        else []
    )


def test_a_new_stack_is_told_the_newest_version_that_fits_and_a_living_one_the_next(warned):
    (text,) = warned(TODAY, kubernetesVersion="1.34")
    assert text.endswith(
        " A new stack: pulumi config set kubernetesVersion 1.36. One that is up goes one minor at a time:"
        " pulumi config set kubernetesVersion 1.35"
    )
    (text,) = warned(date(2027, 3, 1), kubernetesVersion="1.35")
    assert text.endswith(" Upgrade, e.g. pulumi config set kubernetesVersion 1.36")


def test_the_newest_version_of_the_table_is_upgraded_with_the_program(warned):
    given = {"kubernetesVersion": "1.37", "calicoVersion": "3.33.1", "calicoManifestSha256": "a" * 64}
    (text,) = warned(date(2027, 11, 1), supportType="EXTENDED", **given)
    assert "after it the control plane costs six times as much (supportType EXTENDED)." in text
    assert text.endswith(" Upgrade with a newer release of this program")


def test_a_calico_line_that_its_project_no_longer_supports_is_warned_of_from_that_day_on(warned):
    given = {"kubernetesVersion": "1.35", "calicoVersion": "3.31.7"}
    assert warned(date(2026, 9, 30), **given) == []
    assert warned(date(2026, 10, 1), **given) == [
        (
            "eks-hybrid-calico:calicoVersion 3.31.7 is out of support: the Calico project has fixed nothing in its"
            " line since 2026-10-01. Upgrade, e.g. pulumi config set calicoVersion 3.32.1"
        )
    ]


def test_where_no_supported_calico_fits_kubernetes_is_upgraded_first(warned):
    text = warned(TODAY, kubernetesVersion="1.33", calicoVersion="3.31.7")[-1]
    assert text.endswith(
        " No supported Calico is tested with kubernetesVersion 1.33: upgrade Kubernetes first, e.g."
        " pulumi config set kubernetesVersion 1.34"
    )


def test_several_warnings_come_together(warned):
    found = warned(
        apiAllowedCidrs=["0.0.0.0/0"],
        albAllowedCidrs=["0.0.0.0/0"],
        nodeadmVersion="latest",
        kubernetesVersion="1.34",
    )
    assert [text.split()[0] for text in found] == [
        "eks-hybrid-calico:apiAllowedCidrs[0]",
        "eks-hybrid-calico:albAllowedCidrs[0]",
        "eks-hybrid-calico:nodeadmVersion",
        "eks-hybrid-calico:kubernetesVersion",
    ]


@pytest.mark.parametrize(
    ("region", "says"),
    [("cn-north-1", "nodeadm comes from eks-hybrid-assets.awsstatic.cn"), ("us-gov-west-1", "GovCloud")],
)
def test_a_partition_in_which_hybrid_nodes_are_doubtful_is_warned_of(warned, region, says):
    (warning,) = warned(**{"aws:region": region})
    assert warning.startswith(f"aws:region {region}: AWS says (2026-08-18)")
    assert says in warning
    assert "not tried" in warning


SITE = {"nodeCidrs": ["10.80.0.0/16"], "vpnGatewayId": "vgw-0123456789abcdef0"}
MACHINES = [{"name": "rack-1", "address": "10.80.0.11"}]


def test_a_narrow_allow_list_must_hold_the_address_of_the_data_centre(parse):
    found = parse(site=SITE, hybridNodes=MACHINES, apiAllowedCidrs=["203.0.113.0/24"])
    assert any(
        "must hold the public address from which your data centre" in text
        for text in settings.warnings(found, TODAY, PROJECT)
    )
    assert not any(
        "your data centre" in text
        for text in settings.warnings(parse(apiAllowedCidrs=["203.0.113.0/24"]), TODAY, PROJECT)
    )


@pytest.mark.parametrize(
    ("mtu", "fits"), [(1356, None), (1357, "some site-to-site VPNs only"), (1396, "some"), (1397, "no VPN")]
)
def test_an_mtu_that_not_every_vpn_carries_is_told(parse, mtu, fits):
    texts = settings.warnings(parse(site=SITE, hybridNodes=MACHINES, podMtu=mtu), TODAY, PROJECT)
    told = [text for text in texts if "podMtu" in text]
    assert len(told) == (fits is not None)
    assert all(f"podMtu {mtu} fits {fits}" in text and "podMtu 1356" in text for text in told)


def test_the_newest_version_whose_only_calico_line_has_ended_is_upgraded_with_the_program(
    warned, monkeypatch
):
    ended = replace(versions.CALICO_LINES["3.33"], unsupported_since=date(2027, 9, 1))
    monkeypatch.setattr(versions, "CALICO_LINES", {**versions.CALICO_LINES, "3.33": ended})
    given = {"kubernetesVersion": "1.37", "calicoVersion": "3.33.1", "calicoManifestSha256": "a" * 64}
    (text,) = warned(date(2027, 9, 1), **given)
    assert text.startswith("eks-hybrid-calico:calicoVersion 3.33.1 is out of support")
    assert text.endswith(
        " No supported Calico is tested with kubernetesVersion 1.37: upgrade with a newer release of this program"
    )
