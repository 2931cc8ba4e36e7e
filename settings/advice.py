"""What is allowed but worth knowing before the stack is built."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from infra import versions
from infra.addressing import ANYWHERE
from settings.model import POD_MTU_ACROSS_A_VPN, Settings
from settings.problems import full_key, set_command
from settings.values import EXAMPLE_HOST, EXAMPLE_PUBLIC, nodeadm_release

# Calico wants Typha between its nodes and the API server above this; the manifest used here has none.
# https://docs.tigera.io/calico/latest/getting-started/kubernetes/self-managed-onprem/onpremises
_NODES_WITHOUT_TYPHA: Final = 50

# With AES-GCM and without NAT traversal: 1446 bytes less 50 for VXLAN, see POD_MTU_ACROSS_A_VPN.
_MOST_POD_MTU_OF_A_VPN: Final = 1396

_SUPPORT_NOTICE: Final = timedelta(days=60)


def warnings(settings: Settings, today: date, project: str) -> list[str]:
    """Say what a person should know about these settings today; each text names its setting and what to do.

    `project` is the name in Pulumi.yaml, the namespace of the settings.
    """
    texts = (
        *_open_to_the_world(settings),
        *_no_name_for_the_certificate(settings),
        *_other_partition(settings),
        *_too_many_nodes(settings),
        *_the_site_reaches_the_api(settings),
        *_the_link_carries_the_pods(settings),
        *_nodeadm(settings, today),
        *_standard_support(settings, today),
        *_calico_support(settings, today),
    )
    return [full_key(text, project) for text in texts]


def _open_to_the_world(settings: Settings) -> Iterator[str]:
    lists = {
        "apiAllowedCidrs": (
            settings.api_allowed_cidrs,
            "the Kubernetes API (which still asks for IAM credentials)",
        ),
        **(
            {"albAllowedCidrs": (alb.allowed_cidrs, "the sample application")}
            if (alb := settings.alb)
            else {}
        ),
    }
    for name, (cidrs, what) in lists.items():
        if ANYWHERE in cidrs:
            path = f"{name}[{cidrs.index(ANYWHERE)}]"
            yield (
                f"{path} {ANYWHERE} lets the whole internet reach {what}."
                f" Narrow it, e.g. {set_command(path, EXAMPLE_PUBLIC)}"
            )


def _no_name_for_the_certificate(settings: Settings) -> Iterator[str]:
    if settings.sample_app and settings.alb_certificate_arn and not settings.alb_host_name:
        yield (
            "albCertificateArn is set and albHostName is not: albUrl then has the load balancer's own"
            " name, which is in no certificate of yours, so clients refuse it. Make a DNS record for a name that the"
            f" certificate has, and set that name, e.g. {set_command('albHostName', EXAMPLE_HOST)}"
        )


def _other_partition(settings: Settings) -> Iterator[str]:
    # A text of AWS of 2026-08-18, and https://github.com/aws/eks-hybrid (internal/aws/partition.go) since 2026-07.
    region = settings.region
    if not region.startswith(("cn-", "us-gov-")):
        return
    start = f"aws:region {region}: AWS says (2026-08-18) that EKS Hybrid Nodes are not offered in "
    if region.startswith("us-gov-"):
        yield f"{start}GovCloud, and this program was not tried there"
    else:
        yield (
            f"{start}China, while aws/eks-hybrid has had code for China since 2026-07; this program was not tried"
            " there. nodeadm comes from eks-hybrid-assets.awsstatic.cn; images come from quay.io, ghcr.io and"
            " Docker Hub, which the nodes must reach"
        )


def _too_many_nodes(settings: Settings) -> Iterator[str]:
    managed, hybrid = settings.most_managed_nodes, len(settings.hybrid_nodes)
    if managed + hybrid > _NODES_WITHOUT_TYPHA:
        yield (
            f"managedNodes.max {managed} and {hybrid} hybrid nodes make {managed + hybrid} nodes."
            f" Above {_NODES_WITHOUT_TYPHA} Calico wants Typha, which its manifest does not have:"
            " each node then watches the API server on its own"
        )


def _the_site_reaches_the_api(settings: Settings) -> Iterator[str]:
    if settings.site.is_own and ANYWHERE not in settings.api_allowed_cidrs:
        path = f"apiAllowedCidrs[{len(settings.api_allowed_cidrs)}]"
        yield (
            f"apiAllowedCidrs {', '.join(settings.api_allowed_cidrs)} must hold the public address from"
            " which your data centre reaches the internet (of its NAT or its proxy): kubelets there use the public"
            f" endpoint, and the program does not know that address. If it is missing, "
            f"{set_command(path, EXAMPLE_PUBLIC)}"
        )


def _the_link_carries_the_pods(settings: Settings) -> Iterator[str]:
    if settings.site.vpn_gateway_id and settings.calico_mtu > POD_MTU_ACROSS_A_VPN:
        fits = "some site-to-site VPNs only" if settings.calico_mtu <= _MOST_POD_MTU_OF_A_VPN else "no VPN"
        yield (
            f"podMtu {settings.pod_mtu} fits {fits}, and {POD_MTU_ACROSS_A_VPN} every one: where it does not fit,"
            " large answers are slow or hang. It is right where the link carries more (docs/data-centre.md has what"
            " each kind carries, less 50 for VXLAN); ops verify (net.ping-sized) sees a link that carries less. For"
            f" any VPN: {set_command('podMtu', POD_MTU_ACROSS_A_VPN)}"
        )


def _nodeadm(settings: Settings, today: date) -> Iterator[str]:
    version, expires = settings.nodeadm_version, versions.NODEADM_SIGNING_KEY_EXPIRES
    if version == "latest":
        yield (
            "nodeadmVersion latest is a different program after each release, so two nodes may differ."
            f" Pin it, e.g. {set_command('nodeadmVersion', versions.NODEADM_DEFAULT)}"
        )
    elif today > expires and nodeadm_release(version) <= nodeadm_release(versions.NODEADM_DEFAULT):
        # A release newer than the ones known here may have a newer key.
        yield (
            f"nodeadmVersion {version} carries an SSM signing key that expired on {expires}:"
            " new hybrid nodes will not join. Choose a newer release of https://github.com/aws/eks-hybrid,"
            f" e.g. {set_command('nodeadmVersion', 'latest')}"
        )


def _standard_support(settings: Settings, today: date) -> Iterator[str]:
    version = settings.kubernetes_version
    ends = versions.STANDARD_SUPPORT_ENDS[version]
    if today < ends - _SUPPORT_NOTICE:
        return
    when = (
        f"left EKS standard support on {ends}" if today > ends else f"leaves EKS standard support on {ends}"
    )
    after = "costs six times as much (supportType EXTENDED)"
    if settings.support_type == "STANDARD":
        after = (
            "is upgraded by EKS itself, without the nodes (supportType STANDARD; at six times the price it keeps"
            f" {version}: {set_command('supportType', 'EXTENDED')})"
        )
    yield f"kubernetesVersion {version} {when}; after it the control plane {after}. {_newer(settings)}"


def _newer(settings: Settings) -> str:
    """What to move to: a new stack the newest minor that fits its Calico, a stack that is up one minor at a time."""
    later = _later(settings.kubernetes_version)
    fitting = [minor for minor in later if minor in settings.calico_release.line.kubernetes]
    if not later:
        return "Upgrade with a newer release of this program"
    step = set_command("kubernetesVersion", later[0])
    first = "" if fitting else f" (with a Calico that fits it: {_calico_for(later[0])})"
    if len(fitting) < 2:
        return f"Upgrade{first}, e.g. {step}"
    newest = set_command("kubernetesVersion", fitting[-1])
    return f"A new stack: {newest}. One that is up goes one minor at a time: {step}"


def _later(minor: str) -> list[str]:
    minors = list(versions.STANDARD_SUPPORT_ENDS)
    return minors[minors.index(minor) + 1 :]


def _calico_for(minor: str) -> str:
    return ", ".join(f"{name}.x" for name, line in versions.CALICO_LINES.items() if minor in line.kubernetes)


def _calico_support(settings: Settings, today: date) -> Iterator[str]:
    release = settings.calico_release
    since = release.line.unsupported_since
    if since is None or today < since:
        return
    minor = settings.kubernetes_version
    fits = [each for each in versions.CALICO_SHA256 if minor in versions.calico_release(each).line.kubernetes]
    supported = [each for each in fits if versions.calico_release(each).line.unsupported_since is None]
    if supported:
        upgrade = f"Upgrade, e.g. {set_command('calicoVersion', supported[0])}"
    else:
        later = _later(minor)
        step = (
            f"upgrade Kubernetes first, e.g. {set_command('kubernetesVersion', later[0])}"
            if later
            else "upgrade with a newer release of this program"
        )
        upgrade = f"No supported Calico is tested with kubernetesVersion {minor}: {step}"
    yield (
        f"calicoVersion {release.version} is out of support: the Calico project has fixed nothing in"
        f" its line since {since}. {upgrade}"
    )
