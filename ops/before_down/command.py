"""`ops before-down`: warns of what a destroy would leave behind, because controllers in the cluster made it.

Load balancers of Services and Ingresses and the disks of PersistentVolumes are not in the stack's state. Once the
cluster is gone, nobody removes them: they are billed, and a load balancer holds the VPC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.clients.objects import name_of, namespace_of
from ops.options import Outputs, Profile

if TYPE_CHECKING:
    from ops.clients.kube import Kube

Object = Mapping[str, Any]
# Nobody waits long for a warning: the cluster may be the reason for the destroy.
_TIMEOUT_S = 5.0


def before_down(
    stack: Annotated[
        str | None, typer.Option("--stack", "-s", help="Stack to look at; default: the selected one.")
    ] = None,
    outputs: Outputs = None,
    profile: Profile = None,
) -> None:
    """Warn of what would outlive the stack: load balancers of Services and Ingresses, disks of PersistentVolumes.

    It only warns: the exit code is 0, also when the cluster cannot be asked.
    """
    from ops.clients import stack_outputs
    from ops.clients.errors import AskError
    from ops.clients.kube import Kube

    try:
        found = stack_outputs.deployment(outputs=outputs, stack=stack)
        kube = Kube(
            found.kubeconfig,
            profile=profile or found.checks.profile or None,
            timeout_s=_TIMEOUT_S,
            retries=0,
        )
        left = list(outliving(kube))
    except AskError as error:
        typer.echo(f"Not looked for what outlives the stack: {error.problem.seen}", err=True)
        return
    if left:
        typer.echo(
            "These were made inside the cluster and outlive the stack: they are billed, and a load balancer holds the "
            "VPC. Delete them first:",
            err=True,
        )
        for line in left:
            typer.echo(f"  {line}", err=True)


def outliving(kube: Kube) -> Iterator[str]:
    """Name each thing that would outlive the cluster, and what deletes it."""
    for item in kube.services():
        if (item.get("spec") or {}).get("type") == "LoadBalancer":
            yield _line(
                "Service",
                item,
                _address(item),
                f"kubectl -n {namespace_of(item)} delete service {name_of(item)}",
            )
    for item in kube.ingresses():
        # An Ingress without an address has no load balancer, or not yet.
        if _address(item):
            yield _line(
                "Ingress",
                item,
                _address(item),
                f"kubectl -n {namespace_of(item)} delete ingress {name_of(item)}",
            )
    for item in kube.volumes():
        spec = item.get("spec") or {}
        if "csi" in spec or "awsElasticBlockStore" in spec:
            claim = spec.get("claimRef") or {}
            if claim:
                where, name = claim.get("namespace", ""), claim.get("name", "")
                fix = f"kubectl -n {where} delete persistentvolumeclaim {name}"
                yield _line("PersistentVolume", item, f"of claim {where}/{name}", fix)
            else:
                yield _line("PersistentVolume", item, "", f"kubectl delete persistentvolume {name_of(item)}")


def _line(kind: str, item: Object, detail: str, fix: str) -> str:
    name = f"{namespace_of(item)}/{name_of(item)}" if namespace_of(item) else name_of(item)
    return f"{kind} {name}{f' ({detail})' if detail else ''}: {fix}"


def _address(item: Object) -> str:
    points = ((item.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return next((str(point.get("hostname") or point.get("ip") or "") for point in points), "")
