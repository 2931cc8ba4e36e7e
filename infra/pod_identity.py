"""EKS Pod Identity: pods of both sides get AWS credentials by the name of their service account.

The agent comes as EKS's add-on, whose second DaemonSet is for hybrid nodes. A machine that joined before NodeConfig
had `enableCredentialsFile` lacks the directory that this DaemonSet mounts, so its pod never starts, and EKS calls the
add-on DEGRADED. The AWS provider waits 20 minutes for ACTIVE and then ends the `up`. So a dynamic provider makes the
add-on, and waits for nothing: `ops verify system.pod-identity` says on which nodes the agent is ready.
https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-add-ons.html

The engine unpickles the provider *by reference*: its name must stay importable (see node_cleanup.py).
"""

import json
from typing import Any, Final

import pulumi
import pulumi_aws as aws
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, ResourceProvider, UpdateResult

from infra.account import Account
from infra.credentials import Identity
from infra.names import POD_IDENTITY_AGENT
from infra.stored_provider import changed

_INPUTS = ("cluster_name", "version", "configuration", "tags", "region", "profile", "roles")
# The cloud DaemonSet is there by default; only keys that AWS documents.
CONFIGURATION: Final = json.dumps({"daemonsets": {"hybrid": {"create": True}}})


class PodIdentityAgentProvider(ResourceProvider):
    """What the engine calls, out of process. Holds no state: it is pickled by reference."""

    serialize_as_secret_always = False

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Follow in place; another cluster gets an add-on of its own."""
        differing = changed(_olds, _news, _INPUTS)
        return DiffResult(
            changes=bool(differing), replaces=[name for name in differing if name == "cluster_name"]
        )

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Ask for the add-on. One that is there already, of an `up` that was killed, is taken over."""
        _ask(_client(props), props)
        return CreateResult(f"{props['cluster_name']}:{POD_IDENTITY_AGENT}", dict(props))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Find out whether somebody has deleted it: without an id the engine makes it again."""
        from infra.eks_api import explained

        eks = _client(props)
        with explained("eks:DescribeAddon"):
            try:
                eks.describe_addon(clusterName=props["cluster_name"], addonName=POD_IDENTITY_AGENT)
            except eks.exceptions.ResourceNotFoundException:
                return ReadResult("", {})
        return ReadResult(id_, props)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Ask for another version, configuration or tags; nothing is asked where only the sign-in differs."""
        if changed(_olds, _news, ("version", "configuration", "tags")):
            _ask(_client(_news), _news, without=sorted(_olds["tags"].keys() - _news["tags"].keys()))
        return UpdateResult(dict(_news))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Delete it, or find it gone."""
        from infra.eks_api import explained

        eks = _client(_props)
        with explained("eks:DeleteAddon"):
            try:
                eks.delete_addon(clusterName=_props["cluster_name"], addonName=POD_IDENTITY_AGENT)
            except eks.exceptions.ResourceNotFoundException:
                return


def _client(props: dict[str, Any]) -> Any:
    # Imported here: boto3 takes a quarter of a second, and the program itself does not need it.
    from infra.eks_api import eks_client

    return eks_client(Identity.from_state(props))


def _request(props: dict[str, Any]) -> dict[str, Any]:
    return {
        "clusterName": props["cluster_name"],
        "addonName": POD_IDENTITY_AGENT,
        "addonVersion": props["version"],
        "configurationValues": props["configuration"],
        "resolveConflicts": "OVERWRITE",
    }


def _ask(eks: Any, props: dict[str, Any], without: list[str] | None = None) -> None:
    """Let the add-on be as asked for, whether it is there or somebody has deleted it; `without` some tags' keys."""
    from infra.eks_api import explained

    with explained("eks:CreateAddon"):
        try:
            eks.create_addon(**_request(props), tags=props["tags"])
        except eks.exceptions.ResourceInUseException:
            pass
        else:
            return
    with explained("eks:UpdateAddon, eks:TagResource and eks:UntagResource"):
        eks.update_addon(**_request(props))
        addon = eks.describe_addon(clusterName=props["cluster_name"], addonName=POD_IDENTITY_AGENT)["addon"]
        eks.tag_resource(resourceArn=addon["addonArn"], tags=props["tags"])
        if without:
            eks.untag_resource(resourceArn=addon["addonArn"], tagKeys=without)


class PodIdentityAgent(pulumi.dynamic.Resource, module="ekshybrid", name="PodIdentityAgent"):
    """The add-on, on the nodes of both sides. It needs the control plane's API only; nothing waits for it.

    Give it `deleted_with` the cluster, with which it goes.
    """

    def __init__(
        self,
        name: str,
        *,
        account: Account,
        cluster_name: pulumi.Input[str],
        kubernetes_version: str,
        opts: pulumi.ResourceOptions,
    ) -> None:
        props = {
            "cluster_name": cluster_name,
            # AWS's default for this Kubernetes version, as for CoreDNS.
            "version": aws.eks.get_addon_version_output(
                addon_name=POD_IDENTITY_AGENT, kubernetes_version=kubernetes_version
            ).version,
            "configuration": CONFIGURATION,
            # The provider's default tags do not reach what a dynamic provider makes.
            "tags": {**account.default_tags, **account.tags},
            **account.identity.stored,
        }
        super().__init__(PodIdentityAgentProvider(), name, props, opts)
