"""Names that several rooms use: tags, labels, zones, workloads, ports, and the command of a machine that leaves. Pure.

Tags, labels and names of workloads are an interface: they are on what runs, and a project of another name keeps them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

# On everything that takes tags, beside the stack's aws:defaultTags: what `ops verify --destroyed` looks for.
STACK_TAG: Final = "eks-hybrid-calico:stack"
# On an activation and on the machine that it registered: the hybrid role's policy asks for it.
CLUSTER_ARN_TAG: Final = "EKSClusterARN"

# Labels that every hybrid node gives itself, from its first registration. Its own name (mi-...) is from Systems Manager
# and is not known beforehand: these are how the rest of the program finds it. The API server lets a kubelet set them,
# as they are outside kubernetes.io or, like the zone, on its list.
# https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
NAME_LABEL: Final = "eks-hybrid-calico/name"
"""The node's name in the stack's settings."""
ACTIVATION_LABEL: Final = "eks-hybrid-calico/activation"
"""Id of the SSM activation that the machine registered with: a UUID, new each time the node is replaced."""
ZONE_LABEL: Final = "topology.kubernetes.io/zone"
HYBRID_ZONE: Final = "onprem"
"""Topology-aware scheduling then treats the on-premises side as one more zone beside the EKS VPC's."""

# What EKS puts on nodes. https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html
COMPUTE_TYPE_LABEL: Final = "eks.amazonaws.com/compute-type"
HYBRID_COMPUTE: Final = "hybrid"
NODE_GROUP_LABEL: Final = "eks.amazonaws.com/nodegroup"

# EKS does not place control planes in these zones.
# https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html, "Subnet requirements".
ZONES_WITHOUT_EKS: Final = ("use1-az3", "usw1-az2", "cac1-az3")

SYSTEM_NAMESPACE: Final = "kube-system"
CHECK_NAMESPACE: Final = "nw-check"
CHECK_MANAGED: Final = "nw-check-managed"
CHECK_HYBRID: Final = "nw-check-hybrid"
CLOSED_POLICY: Final = "nw-check-closed"
CLOSED_MANAGED: Final = f"{CLOSED_POLICY}-managed"
CLOSED_HYBRID: Final = f"{CLOSED_POLICY}-hybrid"
# What the closed pods have in common: by it the policy finds them, and knows the one that may ask them.
CLOSED_LABELS: Final[Mapping[str, str]] = MappingProxyType({"nw-check": "closed"})
SAMPLE_NAMESPACE: Final = "sample"
SAMPLE_APP: Final = "sample-app"
SAMPLE_SERVICE: Final = "sample-svc"
CORE_DNS: Final = "coredns"
HYBRID_CORE_DNS: Final = "coredns-hybrid"
DNS_SERVICE: Final = "kube-dns"
# The type of the resource that remembers the settings, in states.
FIXED_SETTINGS_RESOURCE: Final = "pulumi-python:dynamic/ekshybrid:FixedSettings"
# The add-on, and the DaemonSet of the managed nodes; that of the hybrid ones.
POD_IDENTITY_AGENT: Final = "eks-pod-identity-agent"
# The type of the resource that asks EKS for it, in states.
POD_IDENTITY_RESOURCE: Final = "pulumi-python:dynamic/ekshybrid:PodIdentityAgent"
HYBRID_POD_IDENTITY_AGENT: Final = f"{POD_IDENTITY_AGENT}-hybrid"

# Of the load balancer: the second one with a certificate only, and then the first one redirects to it.
HTTP_PORT: Final = 80
HTTPS_PORT: Final = 443
KUBELET_PORT: Final = 10250
# Of metrics-server on the host network of a managed node.
METRICS_PORT: Final = 10251
# Where sample-app and the closed pods listen.
HTTP_ECHO_PORT: Final = 5678

# What a person runs on a machine of one's own that leaves (userdata/leave.sh). It works with the cluster and without.
LEAVE: Final = "sudo eks-hybrid-leave (where it is not there: ops leave NAME writes it)"
