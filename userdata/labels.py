"""Labels that every hybrid node carries from its first registration.

A hybrid node's own name (``mi-...``) is given by Systems Manager and is not known beforehand, so these labels
are how the rest of the program finds a node. The kubelet sets them on itself; the API server lets it, as they
are outside ``kubernetes.io`` or, like the zone, on its list
(https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction).
"""

NAME_LABEL = "eks-hybrid-calico/name"
"""The node's name in the stack's settings."""

ACTIVATION_LABEL = "eks-hybrid-calico/activation"
"""Id of the SSM activation the machine registered with: a UUID, new each time the node is replaced."""

ZONE_LABEL = "topology.kubernetes.io/zone"
ZONE = "onprem"
"""Topology-aware scheduling then treats the on-premises side as one more zone beside the EKS VPC's."""


def node_labels(*, node_name: str, activation_id: str) -> dict[str, str]:
    """Return the labels a hybrid node gives itself, by key."""
    return {NAME_LABEL: node_name, ACTIVATION_LABEL: activation_id, ZONE_LABEL: ZONE}
