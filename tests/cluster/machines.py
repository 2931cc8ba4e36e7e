"""Nodes as the two kinds of machine register them."""

from typing import Any

from tests.cluster import kubelet
from userdata.join_files import node_labels

REGION, CLUSTER = "eu-central-1", "test"
_PLAYED = {kubelet.PLAYED: "fake"}


def managed_node(number: int, *, pods: int = 17) -> dict[str, Any]:
    """Return the Node of a machine of the managed node group: a t4g.medium, in one of two zones by turns."""
    zone = f"{REGION}{'ab'[number % 2]}"
    name = f"ip-10-10-{number % 2 + 1}-{10 + number}.{REGION}.compute.internal"
    labels = {
        "eks.amazonaws.com/nodegroup": "managed",
        "eks.amazonaws.com/capacityType": "ON_DEMAND",
        "node.kubernetes.io/instance-type": "t4g.medium",
        "topology.kubernetes.io/region": REGION,
        "topology.kubernetes.io/zone": zone,
    }
    address = f"10.10.{number % 2 + 1}.{10 + number}"
    return _node(name, labels, f"aws:///{zone}/i-{number:017x}", address, pods)


def hybrid_node(
    name: str, *, activation_id: str, label: str = "hybrid-1", address: str = "10.90.1.10"
) -> dict[str, Any]:
    """Return the Node of a hybrid machine: what nodeadm gives it, and the labels of infra/names.py.

    `name` is what Systems Manager calls it (mi-...), `label` its name in the stack's settings.
    """
    labels = {
        "eks.amazonaws.com/compute-type": "hybrid",
        "eks.amazonaws.com/hybrid-credential-provider": "ssm",
        **node_labels(node_name=label, activation_id=activation_id),
    }
    return _node(name, labels, f"eks-hybrid:///{REGION}/{CLUSTER}/{name}", address, 110)


def _node(name: str, labels: dict[str, str], provider_id: str, address: str, pods: int) -> dict[str, Any]:
    common = {"kubernetes.io/arch": "arm64", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
    size = {"cpu": "1930m", "memory": "3388364Ki", "ephemeral-storage": "27905944324", "pods": str(pods)}
    addresses = [
        {"type": "InternalIP", "address": address},
        {"type": "Hostname", "address": name},
        # Where kwok answers for the kubelet; see control_plane.py.
        {"type": "ExternalIP", "address": "127.0.0.1"},
    ]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {**common, **labels}, "annotations": _PLAYED},
        "spec": {"providerID": provider_id},
        "status": {"addresses": addresses, "allocatable": size, "capacity": {**size, "cpu": "2"}},
    }
