"""The one table of pinned versions, and which of them may be combined.

Pure: no pulumi package is imported here. A default also stands in Pulumi.yaml, which a test names;
`ops pin calico VERSION --write` and `ops pin nodeadm VERSION --write` add a row to the tables of digests.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

# This program's own release, X.Y.Z: stacks remember it, and CHANGELOG.md says what each one changes.
RELEASE: Final = "0.2.0"

# Kubernetes on EKS. The last day of standard support; from then on the control plane costs six times as much.
# https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html, seen 2026-11-23. Standard support lasts
# 14 months from a version's release on EKS: that of 1.37 (2026-10-01) is counted, the others are from the page.
STANDARD_SUPPORT_ENDS: Final = MappingProxyType(
    {
        "1.33": date(2026, 7, 29),
        "1.34": date(2026, 12, 2),
        "1.35": date(2027, 3, 27),
        "1.36": date(2027, 8, 2),
        "1.37": date(2027, 12, 1),
    }
)
KUBERNETES_DEFAULT: Final = "1.36"


@dataclass(frozen=True, kw_only=True)
class CalicoLine:
    """A minor release of Calico: the Kubernetes minors that its project tests it with.

    `newest`: its newest release that was seen. `unsupported_since`: from this day on the project fixes nothing in
    it; None while it does.
    """

    newest: str
    kubernetes: tuple[str, ...]
    unsupported_since: date | None = None


# Tested combinations: https://docs.tigera.io/calico/latest/getting-started/kubernetes/requirements. Calico supports
# its two newest lines. 3.31 is tested with 1.32 as well, which EKS has in extended support only. Newest first.
CALICO_LINES: Final = MappingProxyType(
    {
        "3.33": CalicoLine(newest="3.33.1", kubernetes=("1.35", "1.36", "1.37")),
        "3.32": CalicoLine(newest="3.32.4", kubernetes=("1.34", "1.35", "1.36")),
        "3.31": CalicoLine(
            newest="3.31.7", kubernetes=("1.33", "1.34", "1.35"), unsupported_since=date(2026, 10, 1)
        ),
    }
)

# Hex digest of manifests/calico-vxlan.yaml at the release's tag, taken from the files on 2026-11-23. Newest first.
# A release of a line above that has no row here needs calicoManifestSha256.
CALICO_SHA256: Final = MappingProxyType(
    {
        "3.32.1": "c2ab4f9a4ecde01d66e6f040d6745cd7f174d5ded573164c809ffb9f40a9d566",
        "3.31.7": "324475bc90d0fc6b432092b91a011190fdaed47823fcc936762ea58507c6a5a3",
    }
)
CALICO_DEFAULT: Final = "3.32.1"


@dataclass(frozen=True, kw_only=True)
class CalicoRelease:
    """A release of a known line. `sha256`: the digest of its manifest, None where the table has none."""

    version: str
    line: CalicoLine
    sha256: str | None


def calico_release(version: str) -> CalicoRelease:
    """The release that `version` (X.Y.Z) names. Errors: KeyError when its line is not in the table."""
    line = CALICO_LINES[version.rpartition(".")[0]]
    return CalicoRelease(version=version, line=line, sha256=CALICO_SHA256.get(version))


def calico_manifest_url(version: str) -> str:
    """Where the Calico project publishes the VXLAN manifest of a release, X.Y.Z."""
    return f"https://raw.githubusercontent.com/projectcalico/calico/v{version}/manifests/calico-vxlan.yaml"


# nodeadm, the hybrid edition: https://github.com/aws/eks-hybrid/releases, seen 2026-11-23 (v1.0.20 is of
# 2026-08-20). Releases before the floor carry the SSM signing key that expired on 2026-07-15 and fail with
# "No matching signature"; the key in the present ones expires on the date below.
NODEADM_DEFAULT: Final = "v1.0.20"
NODEADM_FLOOR: Final = "v1.0.19"
NODEADM_SIGNING_KEY_EXPIRES: Final = date(2027, 11, 25)
# Digests of the program by release and architecture (arm64, amd64), which nodes check where the setting
# nodeadmSha256 is empty. A release without a row is checked against the digest that AWS publishes beside it.
NODEADM_SHA256: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType({})

# TLS 1.3 and 1.2 with forward secrecy only: what AWS recommends and its console chooses. Without a name the API would
# take ELBSecurityPolicy-2016-08, which has TLS 1.0.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html, seen 2026-11-25.
ALB_TLS_POLICY: Final = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"

# What the test pods run. https://github.com/nicolaka/netshoot/releases, https://github.com/hashicorp/http-echo
# netshoot is Alpine with ping, curl, ip and much more, for amd64 and arm64. It comes from GitHub's registry: Docker Hub
# limits anonymous pulls per address, and all hybrid nodes share the one address of their NAT gateway. http-echo is a
# static binary on distroless, for amd64 and arm64.
NETSHOOT_IMAGE: Final = "ghcr.io/nicolaka/netshoot:v0.14"
HTTP_ECHO_IMAGE: Final = "docker.io/hashicorp/http-echo:1.0.0"

# CoreDNS on the hybrid nodes: a release that EKS's add-on has too, so that both understand one Corefile. Its images:
# https://github.com/coredns/coredns/releases, https://docs.aws.amazon.com/eks/latest/userguide/managing-coredns.html
COREDNS_IMAGE: Final = "registry.k8s.io/coredns/coredns:v1.14.2"
# https://github.com/kubernetes-sigs/metrics-server/releases
METRICS_SERVER_IMAGE: Final = "registry.k8s.io/metrics-server/metrics-server:v0.8.1"
