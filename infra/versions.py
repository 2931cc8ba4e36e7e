"""The one table of pinned versions, and which of them may be combined.

Pure: no pulumi package is imported here. To move to a newer version, change this file and nothing else.
"""

from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

# Kubernetes on EKS. The last day of standard support; from then on the control plane costs six times as much.
# https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html, seen 2026-11-23.
STANDARD_SUPPORT_ENDS: Final = MappingProxyType(
    {
        "1.33": date(2026, 7, 29),
        "1.34": date(2026, 12, 2),
        "1.35": date(2027, 3, 27),
        "1.36": date(2027, 8, 2),
    }
)
KUBERNETES_DEFAULT: Final = "1.35"


@dataclass(frozen=True, kw_only=True)
class CalicoRelease:
    """A Calico release whose manifest this program knows.

    `sha256` is the hex digest of `manifests/calico-vxlan.yaml` at the release's tag, `objects` the number of
    Kubernetes objects in it, `kubernetes` the minor versions it may be combined with.
    """

    version: str
    sha256: str
    objects: int
    kubernetes: tuple[str, ...]

    @property
    def manifest_url(self) -> str:
        """Where the Calico project publishes this release's VXLAN manifest."""
        tag = f"v{self.version}"
        return f"https://raw.githubusercontent.com/projectcalico/calico/{tag}/manifests/calico-vxlan.yaml"


# Tested combinations: https://docs.tigera.io/calico/latest/getting-started/kubernetes/requirements.
# Digests and counts taken from the files themselves on 2026-11-23. Calico 3.33 is left out on purpose: its
# manifest was rebuilt around one image and broke several times before 3.33.0.
CALICO: Final = MappingProxyType(
    {
        release.version: release
        for release in (
            CalicoRelease(
                version="3.32.1",
                sha256="c2ab4f9a4ecde01d66e6f040d6745cd7f174d5ded573164c809ffb9f40a9d566",
                objects=38,
                kubernetes=("1.34", "1.35", "1.36"),
            ),
            CalicoRelease(
                version="3.31.7",
                sha256="324475bc90d0fc6b432092b91a011190fdaed47823fcc936762ea58507c6a5a3",
                objects=39,
                kubernetes=("1.33", "1.34", "1.35"),
            ),
        )
    }
)
CALICO_DEFAULT: Final = "3.32.1"

# nodeadm, the hybrid edition: https://github.com/aws/eks-hybrid/releases, seen 2026-11-23 (v1.0.20 is of
# 2026-08-20). Releases before the floor carry the SSM signing key that expired on 2026-07-15 and fail with
# "No matching signature"; the key in the present ones expires on the date below.
NODEADM_DEFAULT: Final = "v1.0.20"
NODEADM_FLOOR: Final = "v1.0.19"
NODEADM_SIGNING_KEY_EXPIRES: Final = date(2027, 11, 25)
