"""Calico in the cluster: one component for what needs only the API server, one for what needs nodes.

Both hand the objects of calico_manifest to Kubernetes as they are. What would surprise you: the first preview
shows the two groups without the objects in them, because the cluster that they go to does not exist yet (the
engine cannot ask the Kubernetes provider; pulumi PR 16868); `pulumi up` then creates them all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi_kubernetes.yaml.v2 import ConfigGroup

from infra.shapes import CalicoSource, PodNetwork
from k8s import calico_manifest, children
from k8s.calico_manifest import CalicoManifest, KubernetesObject
from k8s.calico_source import CalicoManifestError

# Where a downloaded manifest is kept, below the project.
_CACHE = Path(".cache")


def manifest(source: CalicoSource, pods: PodNetwork) -> CalicoManifest:
    """Prepare the manifest as `calico_manifest.prepare` does, for a program that the Pulumi CLI runs.

    Raises what `prepare` raises; the error is a `pulumi.RunError` too, of which the CLI prints the text alone.
    """
    try:
        return calico_manifest.prepare(
            source=source.manifest,
            version=source.version,
            sha256=source.sha256,
            pod_cidr=pods.cidr,
            pod_mtu=pods.mtu,
            cache_dir=_CACHE,
        )
    except CalicoManifestError as error:
        raise type("StoppedByManifest", (type(error), pulumi.RunError), {})(str(error)) from error


@dataclass(frozen=True, kw_only=True)
class CalicoArgs:
    """What both components need.

    `objects` come from `calico_manifest.prepare`; when `cluster` is destroyed they vanish with it instead of being
    deleted one by one: pods cannot be torn down any more once their network's DaemonSet has gone.
    """

    objects: Sequence[KubernetesObject]
    cluster: pulumi.Resource


class Calico(pulumi.ComponentResource):
    """CRDs, RBAC, configuration and the calico-node DaemonSet: `CalicoManifest.before_nodes`.

    Nothing is awaited. The node group that has to come after it needs Calico to be there, not to be running, and a
    DaemonSet without nodes has nothing to run on.
    """

    def __init__(self, name: str, args: CalicoArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ekshybrid:calico:Calico", name, None, opts)
        _create(self, name, args, opts, skip_await=True)
        self.register_outputs({})


class CalicoControllers(pulumi.ComponentResource):
    """The calico-kube-controllers Deployment and its disruption budget: `CalicoManifest.after_nodes`.

    Awaited, so that a cluster whose nodes cannot run a pod of Calico's own is not reported as ready.
    """

    def __init__(self, name: str, args: CalicoArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ekshybrid:calico:CalicoControllers", name, None, opts)
        _create(self, name, args, opts, skip_await=False)
        self.register_outputs({})


def _create(
    parent: pulumi.ComponentResource,
    name: str,
    args: CalicoArgs,
    opts: pulumi.ResourceOptions | None,
    *,
    skip_await: bool,
) -> None:
    # The group's name prefixes the names of all objects in it. Changing it, or moving an object to another group,
    # would create each object under its new name (which changes nothing, as the provider adopts what exists) and then
    # delete it under its old one: with the CRDs every address pool and every pod's address block.
    #
    # The provider's default, server-side apply, is left on; nothing here depends on it. (With it off, each object
    # would carry a copy of itself in an annotation, which may have 256 KiB: Calico's largest CRD has 63 kB.)
    ConfigGroup(
        name,
        objs=list(args.objects),
        skip_await=skip_await,
        # The objects in the group inherit deleted_with and provider in the engine.
        opts=children.first(parent, args.cluster, opts),
    )
