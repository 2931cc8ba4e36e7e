"""What would outlive the stack: load balancers and disks that controllers in the cluster made.

They are not in the stack's state. Once the cluster is gone, nobody removes them: they are billed, and a load balancer
holds the VPC.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ops.checks.model import Findings, Outcome, check, skipped
from ops.clients.errors import AskError
from ops.clients.kube import Kube
from ops.clients.objects import name_of, namespace_of
from ops.ready.context import Context

Object = Mapping[str, Any]


@check("down.outliving", "nothing made inside the cluster outlives it")
def outliving(context: Context, findings: Findings) -> str | Outcome:
    try:
        for seen, fix in _made_inside(context.kube()):
            findings.warn(
                seen,
                why="a controller in the cluster made it: it outlives the stack, is billed, and a load balancer holds "
                "the VPC",
                fix=fix,
            )
    except AskError as error:
        # The cluster may be the reason for the destroy.
        return skipped(f"not known: {error.brief}")
    return "no load balancer and no disk was made inside the cluster"


def _made_inside(kube: Kube) -> Iterator[tuple[str, str]]:
    """Each thing that would outlive the cluster, and the command that deletes it."""
    for item in kube.services():
        if (item.get("spec") or {}).get("type") == "LoadBalancer":
            yield (
                _words("Service", item, _address(item)),
                f"kubectl -n {namespace_of(item)} delete service {name_of(item)}",
            )
    for item in kube.ingresses():
        # An Ingress without an address has no load balancer, or not yet.
        if _address(item):
            yield (
                _words("Ingress", item, _address(item)),
                f"kubectl -n {namespace_of(item)} delete ingress {name_of(item)}",
            )
    for item in kube.volumes():
        spec = item.get("spec") or {}
        claim = spec.get("claimRef") or {}
        where, name = claim.get("namespace", ""), claim.get("name", "")
        if claim and ("csi" in spec or "awsElasticBlockStore" in spec):
            yield (
                _words("PersistentVolume", item, f"of claim {where}/{name}"),
                f"kubectl -n {where} delete persistentvolumeclaim {name}",
            )
        elif "csi" in spec or "awsElasticBlockStore" in spec:
            yield _words("PersistentVolume", item), f"kubectl delete persistentvolume {name_of(item)}"


def _words(kind: str, item: Object, detail: str = "") -> str:
    name = f"{namespace_of(item)}/{name_of(item)}" if namespace_of(item) else name_of(item)
    return f"{kind} {name}{f' ({detail})' if detail else ''}"


def _address(item: Object) -> str:
    points = ((item.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return next((str(point.get("hostname") or point.get("ip") or "") for point in points), "")
