"""The article's sample-app: an HTTP echo on the hybrid nodes that says which pod answered, behind a NodePort.

It is what the ALB shows: the request comes in on any node of either kind and is answered by a pod on a hybrid
node. That is the overlay at work, so the pods stay away from the managed nodes.

They follow the nodes: the list of activations is part of the pods' template, so another list rolls the Deployment out
anew, over the nodes of the new list. That happens after all of them have joined, and before an old one goes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.core.v1 import Namespace, Service

from infra.names import (
    ACTIVATION_LABEL,
    COMPUTE_TYPE_LABEL,
    HYBRID_COMPUTE,
    SAMPLE_APP,
    SAMPLE_NAMESPACE,
    SAMPLE_SERVICE,
)
from infra.shapes import Alb
from k8s import children, workloads
from k8s.children import HybridSide

_MAX_REPLICAS: Final = 3
_DISTROLESS_NONROOT: Final = 65532

# A pod that is asked to stop still answers until no node sends it requests any more.
_STILL_ANSWERS_S: Final = 5


@dataclass(frozen=True, kw_only=True)
class SampleAppArgs:
    """What SampleApp runs on.

    `hybrid_check` is done when all hybrid nodes have joined, if these are awaited; `alb` says on which port each node
    answers, and is None where no sample app is wanted: then the component is empty. Everything is deleted with
    `cluster`.
    """

    cluster: pulumi.Resource
    hybrid: HybridSide
    hybrid_check: pulumi.Resource
    alb: Alb | None


class SampleApp(pulumi.ComponentResource):
    """Namespace sample, Deployment sample-app on the hybrid nodes, Service sample-svc of type NodePort."""

    def __init__(self, name: str, args: SampleAppArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ekshybrid:sample_app:SampleApp", name, None, opts)
        if args.alb:
            self._build(args, args.alb, opts)
        self.register_outputs({})

    def _build(self, args: SampleAppArgs, alb: Alb, opts: pulumi.ResourceOptions | None) -> None:
        namespace = Namespace(
            SAMPLE_NAMESPACE,
            metadata={"name": SAMPLE_NAMESPACE},
            opts=children.first(self, args.cluster, opts),
        )
        # After the check, so that all nodes are there to be spread over: earlier, the first node to join would get
        # every pod, and keep it. Not after the managed nodes: these pods run on hybrid nodes alone, and a node group
        # that is slow or broken would only hide which side has the problem.
        deployment = Deployment(
            SAMPLE_APP,
            **app_deployment(
                args.hybrid.activation_ids, awaited=args.hybrid.awaited, taints=args.hybrid.taints
            ),
            opts=children.after(
                self,
                args.cluster,
                [namespace, *([args.hybrid_check] if args.hybrid.awaited else [])],
                nodes_may_boot=True,
            ),
        )
        # Pulumi awaits a Service's endpoints. After the Deployment they are there at once; beside it, its ten minutes
        # could run out first, and a node that does not come would be reported twice.
        Service(
            SAMPLE_SERVICE,
            **node_port_service(alb.node_port, awaited=args.hybrid.awaited),
            opts=children.after(self, args.cluster, [deployment]),
        )


def app_deployment(
    activation_ids: Sequence[pulumi.Input[str]], *, awaited: bool = True, taints: Sequence[str] = ()
) -> dict[str, Any]:
    """Return `metadata` and `spec` of sample-app, for the hybrid nodes that registered with these activations."""
    pod = {
        "nodeSelector": {COMPUTE_TYPE_LABEL: HYBRID_COMPUTE},
        "affinity": workloads.required_node(
            {"key": ACTIVATION_LABEL, "operator": "In", "values": list(activation_ids)}
        ),
        **workloads.tolerating(taints),
        # Over the nodes that take pods at that moment: should one fail later, its pods move to the others.
        "topologySpreadConstraints": [workloads.spread_over_hosts(SAMPLE_APP)],
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 2 * _STILL_ANSWERS_S,
        "securityContext": workloads.non_root(_DISTROLESS_NONROOT),
        "containers": [_container()],
    }
    replicas = min(len(activation_ids), _MAX_REPLICAS)
    return workloads.deployment(
        name=SAMPLE_APP,
        namespace=SAMPLE_NAMESPACE,
        replicas=replicas,
        pod=pod,
        awaited=awaited,
    )


def node_port_service(node_port: int, *, awaited: bool = True) -> dict[str, Any]:
    """Return `metadata` and `spec` of sample-svc: port 80 in the cluster, `node_port` on every node."""
    return {
        "metadata": {
            "name": SAMPLE_SERVICE,
            "namespace": SAMPLE_NAMESPACE,
            "labels": {"app": SAMPLE_APP},
            **({} if awaited else {"annotations": workloads.NOT_AWAITED}),
        },
        "spec": {
            "type": "NodePort",
            "selector": {"app": SAMPLE_APP},
            "ports": [{"name": "http", "port": 80, "targetPort": "http", "nodePort": node_port}],
            # Any node hands a request on to a hybrid node over the overlay. With "Local" a node without a pod, so
            # every managed node, would drop it, and half of the ALB's targets would never be healthy.
            "externalTrafficPolicy": "Cluster",
        },
    }


def _container() -> dict[str, Any]:
    # The image has no shell for a command.
    stop = {"preStop": {"sleep": {"seconds": _STILL_ANSWERS_S}}}
    return {**workloads.http_echo(), "lifecycle": stop}
