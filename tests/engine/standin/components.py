"""The packaged components that the program uses, with the children a user sees under them.

After pulumi-eks (nodejs/eks/cluster/cluster.ts) and the kubernetes provider (yaml/v2), as far as this
program goes: an input that would lead elsewhere is refused, so that the stand-in never pretends.
"""

import json
import subprocess
from graphlib import TopologicalSorter
from typing import Any

from tests.engine.standin import journal, wire
from tests.engine.standin.monitor import Component

_CLUSTER_INPUTS = frozenset(
    {
        "accessEntries",
        "authenticationMode",
        "bootstrapSelfManagedAddons",
        "clusterSecurityGroup",
        "clusterTags",
        "corednsAddonOptions",
        "createOidcProvider",
        "enabledClusterLogTypes",
        "endpointPrivateAccess",
        "endpointPublicAccess",
        "kubeProxyAddonOptions",
        "kubernetesServiceIpAddressRange",
        "name",
        "privateSubnetIds",
        "providerCredentialOpts",
        "publicAccessCidrs",
        "publicSubnetIds",
        "serviceRole",
        "skipDefaultNodeGroup",
        "skipDefaultSecurityGroups",
        "subnetIds",
        "tags",
        "upgradePolicy",
        "useDefaultVpcCni",
        "version",
        "vpcId",
    }
)
_ENDPOINT_INPUTS = ("endpointPrivateAccess", "endpointPublicAccess", "publicAccessCidrs")
_CLUSTER_MUST_SET = (
    "skipDefaultNodeGroup",
    "skipDefaultSecurityGroups",
    "useDefaultVpcCni",
    "clusterSecurityGroup",
)


def construct(request: Any, inputs: dict[str, Any]) -> Any:
    """Answer a Construct call. `inputs` still has its secrets and references wrapped."""
    builders = {
        "eks:index:Cluster": _cluster,
        "kubernetes:yaml/v2:ConfigGroup": _config_group,
    }
    if request.type not in builders:
        raise LookupError(f"the stand-in cannot build a {request.type}: add it to components.py")
    return builders[request.type](Component(request), request.name, inputs, request)


def _only(kind: str, inputs: dict[str, Any], known: Any) -> None:
    unknown = sorted(inputs.keys() - known)
    if unknown:
        raise LookupError(f"the stand-in for {kind} does not know what to do with {', '.join(unknown)}")


def _cluster(component: Component, name: str, inputs: dict[str, Any], request: Any) -> Any:
    _only("eks.Cluster", inputs, _CLUSTER_INPUTS)
    for setting in _CLUSTER_MUST_SET:
        if not inputs.get(setting):
            raise LookupError(f"the stand-in for eks.Cluster builds no {setting} of its own: set it")
    _check_aws_cli()
    proxy = inputs.get("kubeProxyAddonOptions", {})
    version = (
        proxy.get("version")
        or component.look_up(
            "aws:eks/getAddonVersion:getAddonVersion",
            {"addonName": "kube-proxy", "kubernetesVersion": inputs.get("version"), "mostRecent": True},
        )["version"]
    )
    sources: list[str] = []
    role, role_urns = _service_role(component, name, inputs)
    subnets = [
        *inputs.get("privateSubnetIds", []),
        *inputs.get("publicSubnetIds", []),
        *inputs.get("subnetIds", []),
    ]
    used = component.dependencies(
        "clusterSecurityGroup", "enabledClusterLogTypes", "name", "privateSubnetIds", "publicAccessCidrs",
        "publicSubnetIds", "serviceRole", "subnetIds", "tags", "clusterTags", "version",
    )  # fmt: skip
    cluster_inputs = {
        "name": inputs.get("name"),
        "roleArn": role,
        "version": inputs.get("version"),
        "enabledClusterLogTypes": inputs.get("enabledClusterLogTypes"),
        "bootstrapSelfManagedAddons": inputs.get("bootstrapSelfManagedAddons", True),
        "upgradePolicy": inputs.get("upgradePolicy"),
        "vpcConfig": {
            "subnetIds": subnets,
            "securityGroupIds": [inputs["clusterSecurityGroup"].get("id") or wire.UNKNOWN],
            **{key: inputs[key] for key in _ENDPOINT_INPUTS if key in inputs},
        },
        "tags": {"Name": f"{name}-eksCluster", **inputs.get("clusterTags", {}), **inputs.get("tags", {})},
    }
    if "authenticationMode" in inputs:
        mode = inputs["authenticationMode"]
        access = {"authenticationMode": mode, "bootstrapClusterCreatorAdminPermissions": True}
        cluster_inputs["accessConfig"] = access
    if "kubernetesServiceIpAddressRange" in inputs:
        network = {"serviceIpv4Cidr": inputs["kubernetesServiceIpAddressRange"], "ipFamily": "ipv4"}
        cluster_inputs["kubernetesNetworkConfig"] = network
    urn, identity, made = component.child(
        "aws:eks/cluster:Cluster",
        f"{name}-eksCluster",
        cluster_inputs,
        after=[*used, *role_urns, inputs["clusterSecurityGroup"]["urn"]],
        ignore_changes=("accessConfig.bootstrapClusterCreatorAdminPermissions", "bootstrapSelfManagedAddons"),
    )
    sources.append(urn)
    cluster_name = made.get("name", wire.UNKNOWN)
    made = _where_it_is(made)
    kubeconfig = _kubeconfig(cluster_name, made, request)
    provider_urn, provider_id, _ = component.child(
        "pulumi:providers:kubernetes", f"{name}-eks-k8s", {"kubeconfig": _json(kubeconfig)}, after=[urn]
    )
    if proxy.get("enabled", True):
        addon = {
            "clusterName": cluster_name,
            "addonName": "kube-proxy",
            "addonVersion": version,
            "preserve": True,
            "resolveConflictsOnCreate": "OVERWRITE",
            "resolveConflictsOnUpdate": "OVERWRITE",
            "tags": inputs.get("tags"),
        }
        component.child("aws:eks/addon:Addon", f"{name}-kube-proxy", addon, after=[urn])
    for entry_name, entry in inputs.get("accessEntries", {}).items():
        values = {
            key: entry[key] for key in ("principalArn", "type", "kubernetesGroups", "tags") if key in entry
        }
        values = {"clusterName": cluster_name, **values}
        component.child("aws:eks/accessEntry:AccessEntry", f"{name}-{entry_name}", values, after=[urn])
    reference = wire.reference(urn, identity)
    group = inputs["clusterSecurityGroup"]
    outputs = {
        "clusterIngressRuleId": "",
        "clusterSecurityGroup": group,
        "clusterSecurityGroupId": group.get("id") or wire.UNKNOWN,
        "core": {
            "cluster": reference,
            "clusterSecurityGroup": group,
            "endpoint": made.get("endpoint", wire.UNKNOWN),
            "instanceRoles": [],
            "nodeGroupOptions": {},
            "provider": wire.reference(provider_urn, provider_id),
            "subnetIds": subnets,
            "vpcId": inputs.get("vpcId"),
            "kubeconfig": kubeconfig,
        },
        "eksCluster": reference,
        "instanceRoles": [],
        "kubeconfig": kubeconfig,
        "kubeconfigJson": _json(kubeconfig),
    }
    return component.done(outputs, sources)


def _check_aws_cli() -> None:
    """Refuse what pulumi-eks refuses, in a preview too: no AWS CLI, or one that is too old (dependencies.ts)."""
    try:
        said = subprocess.run(["aws", "--version"], check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        raise LookupError("Could not find aws CLI for EKS.") from None
    version = said.split()[0].removeprefix("aws-cli/")
    major, minor = (int(number) for number in version.split(".")[:2])
    needed = 24 if major == 1 else 7
    if minor < needed:
        raise LookupError(
            f"At least v{major}.{needed}.0 of aws-cli is required. Current version is: {version}."
        )


def _where_it_is(made: dict[str, Any]) -> dict[str, Any]:
    """Return the cluster's outputs with the address of a real API server, if tests/cluster has started one.

    It then orders {"cluster": {"endpoint": URL, "authority": the certificate, base64}}.
    """
    real = journal.control().get("cluster")
    if real is None or "endpoint" not in made or made["endpoint"] == wire.UNKNOWN:
        return made
    return {**made, "endpoint": real["endpoint"], "certificateAuthority": {"data": real["authority"]}}


def _service_role(component: Component, name: str, inputs: dict[str, Any]) -> tuple[Any, list[str]]:
    if "serviceRole" in inputs:
        reference = inputs["serviceRole"]
        return component.outputs_of(reference).get("arn", wire.UNKNOWN), [reference["urn"]]
    group = component.group("eks:index:ServiceRole", f"{name}-eksRole")
    allowed = {
        "Effect": "Allow",
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Principal": {"Service": "eks.amazonaws.com"},
    }
    document = {
        "description": "Allows EKS to manage clusters on your behalf.",
        "assumeRolePolicy": json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
        "tags": inputs.get("tags"),
    }
    role_urn, role_id, role = component.child(
        "aws:iam/role:Role", f"{name}-eksRole-role", document, after=[], parent=group
    )
    attachment = component.child(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        f"{name}-eksRole-4b490823",
        {"role": role_id, "policyArn": "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"},
        after=[role_urn],
        parent=group,
    )
    return role.get("arn", wire.UNKNOWN), [role_urn, attachment[0]]


def _kubeconfig(cluster_name: str, made: dict[str, Any], request: Any) -> Any:
    authority = made.get("certificateAuthority", {})
    if not isinstance(authority, dict) or made.get("endpoint", wire.UNKNOWN) == wire.UNKNOWN:
        return wire.UNKNOWN
    arguments = [
        "--region",
        request.config.get("aws:region", ""),
        "eks",
        "get-token",
        "--cluster-name",
        cluster_name,
    ]
    command = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "aws",
        "args": [*arguments, "--output", "json"],
        "env": [
            {
                "name": "KUBERNETES_EXEC_INFO",
                "value": '{"apiVersion": "client.authentication.k8s.io/v1beta1"}',
            }
        ],
    }
    server = {"server": made["endpoint"], "certificate-authority-data": authority.get("data", "")}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"cluster": server, "name": "kubernetes"}],
        "contexts": [{"context": {"cluster": "kubernetes", "user": "aws"}, "name": "aws"}],
        "current-context": "aws",
        "users": [{"name": "aws", "user": {"exec": command}}],
    }


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _config_group(component: Component, name: str, inputs: dict[str, Any], _request: Any) -> Any:
    _only("yaml.v2.ConfigGroup", inputs, {"objs", "skipAwait", "resourcePrefix"})
    prefix, after, children = inputs.get("resourcePrefix", name), component.dependencies("objs"), []
    made: dict[str, str] = {}
    # Like the provider: in any order but that of the annotation. Names are PREFIX:namespace/name.
    objects = {_reference(obj): obj for obj in inputs.get("objs", [])}
    for reference in TopologicalSorter(
        {key: _depends_on(obj) for key, obj in objects.items()}
    ).static_order():
        if reference not in objects:
            raise LookupError(f"external dependency {reference} in a group of objects")
        obj = objects[reference]
        meta = obj["metadata"]
        label = f"{meta['namespace']}/{meta['name']}" if "namespace" in meta else meta["name"]
        token = f"kubernetes:{_group(obj['apiVersion'])}:{obj['kind']}"
        if inputs.get("skipAwait"):
            note = {**meta.get("annotations", {}), "pulumi.com/skipAwait": "true"}
            obj = {**obj, "metadata": {**meta, "annotations": note}}
        earlier = [made[each] for each in _depends_on(obj)]
        made[reference], identity, _ = component.child(
            token, f"{prefix}:{label}", obj, after=[*after, *earlier]
        )
        children.append(wire.reference(made[reference], identity))
    return component.done({"resources": children}, [child["urn"] for child in children])


def _depends_on(obj: dict[str, Any]) -> list[str]:
    annotations = obj["metadata"].get("annotations", {})
    return [each for each in annotations.get("config.kubernetes.io/depends-on", "").split(",") if each]


def _reference(obj: dict[str, Any]) -> str:
    meta, group = obj["metadata"], obj["apiVersion"].rpartition("/")[0]
    return "/".join([group, *_in_namespace(meta), obj["kind"], meta["name"]])


def _in_namespace(meta: dict[str, Any]) -> list[str]:
    return ["namespaces", meta["namespace"]] if "namespace" in meta else []


def _group(api_version: str) -> str:
    return api_version if "/" in api_version else f"core/{api_version}"
