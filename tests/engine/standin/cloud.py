"""What AWS and a cluster would answer: ids, computed outputs, look-ups, and which changes replace a resource.

Only for the resources of this program. What replaces is taken from the "Forces new resource" remarks of the
Terraform AWS provider's documentation, and for Kubernetes from the fields that the API calls immutable.
"""

import hashlib
import json
import secrets
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.program.fake_cloud import ID_PREFIXES
from tests.engine.standin import schema, wire

ACCOUNT = "123456789012"
PARTITION = "aws"
CALLER = f"arn:{PARTITION}:iam::{ACCOUNT}:user/engine-test"

# Resources whose name, when not given, is the Pulumi name and seven hex digits; the longest name AWS takes.
AUTO_NAMES = {
    "aws:autoscaling/group:Group": ("name", 255),
    "aws:cloudwatch/logGroup:LogGroup": ("name", 512),
    "aws:ec2/launchTemplate:LaunchTemplate": ("name", 128),
    "aws:ec2/securityGroup:SecurityGroup": ("name", 255),
    "aws:eks/cluster:Cluster": ("name", 100),
    "aws:eks/nodeGroup:NodeGroup": ("nodeGroupName", 63),
    "aws:iam/policy:Policy": ("name", 128),
    "aws:iam/role:Role": ("name", 64),
    "aws:iam/rolePolicy:RolePolicy": ("name", 128),
    "aws:lb/loadBalancer:LoadBalancer": ("name", 32),
    "aws:lb/targetGroup:TargetGroup": ("name", 32),
    "aws:ssm/activation:Activation": ("name", 256),
}

# Input paths whose change replaces the resource; "*" is every path.
REPLACES = {
    "aws:autoscaling/attachment:Attachment": ["*"],
    "aws:cloudwatch/logGroup:LogGroup": ["name", "namePrefix", "logGroupClass"],
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": ["vpcId"],
    "aws:ec2/eip:Eip": ["domain"],
    "aws:ec2/instance:Instance": [
        "ami",
        "associatePublicIpAddress",
        "keyName",
        "privateIp",
        "rootBlockDevice.encrypted",
        "subnetId",
    ],
    "aws:ec2/internetGateway:InternetGateway": [],
    "aws:ec2/launchTemplate:LaunchTemplate": ["name", "namePrefix"],
    "aws:ec2/natGateway:NatGateway": ["subnetId", "allocationId", "connectivityType"],
    "aws:ec2/route:Route": ["routeTableId", "destinationCidrBlock"],
    "aws:ec2/routeTable:RouteTable": ["vpcId"],
    "aws:ec2/routeTableAssociation:RouteTableAssociation": ["subnetId"],
    "aws:ec2/securityGroup:SecurityGroup": ["name", "namePrefix", "description", "vpcId"],
    "aws:ec2/subnet:Subnet": ["cidrBlock", "availabilityZone", "vpcId"],
    "aws:ec2/vpc:Vpc": ["cidrBlock", "instanceTenancy"],
    "aws:ec2/vpcEndpoint:VpcEndpoint": ["serviceName", "vpcId", "vpcEndpointType"],
    "aws:ec2/vpcPeeringConnection:VpcPeeringConnection": ["vpcId", "peerVpcId", "peerOwnerId", "peerRegion"],
    "aws:ec2/vpnGatewayAttachment:VpnGatewayAttachment": ["*"],
    "aws:ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation": ["*"],
    "aws:ec2transitgateway/vpcAttachment:VpcAttachment": ["transitGatewayId", "vpcId"],
    "aws:eks/accessEntry:AccessEntry": ["clusterName", "principalArn", "type"],
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": ["*"],
    "aws:eks/addon:Addon": ["clusterName", "addonName"],
    "aws:eks/cluster:Cluster": [
        "name",
        "roleArn",
        "bootstrapSelfManagedAddons",
        "kubernetesNetworkConfig.serviceIpv4Cidr",
        "kubernetesNetworkConfig.ipFamily",
        "accessConfig.bootstrapClusterCreatorAdminPermissions",
    ],
    "aws:eks/nodeGroup:NodeGroup": [
        "clusterName",
        "nodeGroupName",
        "nodeRoleArn",
        "subnetIds",
        "amiType",
        "capacityType",
        "instanceTypes",
        "diskSize",
        "launchTemplate.id",
    ],
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": ["clusterName", "namespace", "serviceAccount"],
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": ["url"],
    "aws:iam/role:Role": ["name", "path"],
    "aws:iam/rolePolicy:RolePolicy": ["name", "role"],
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": ["*"],
    "aws:lb/listener:Listener": ["loadBalancerArn"],
    "aws:lb/loadBalancer:LoadBalancer": ["name", "internal", "loadBalancerType"],
    "aws:lb/targetGroup:TargetGroup": ["name", "port", "protocol", "vpcId", "targetType", "protocolVersion"],
    "aws:lb/targetGroupAttachment:TargetGroupAttachment": ["*"],
    "aws:ssm/activation:Activation": ["*"],  # tags too: it has no update (internal/service/ssm/activation.go)
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": ["securityGroupId"],
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": ["securityGroupId"],
    "kubernetes": ["metadata.name", "metadata.namespace", "spec.selector", "spec.clusterIP"],
}


def replaces(token: str, path: str) -> bool:
    """Tell whether a change at an input path (`a.b`, no list positions) replaces the resource."""
    rules = REPLACES.get(token.split(":")[0] if token.startswith("kubernetes:") else token)
    if rules is None:
        raise LookupError(f"the stand-in does not know which changes replace a {token}: add it to REPLACES")
    if token.startswith("kubernetes:core/") and path.startswith("spec.selector"):
        return False  # a Service's selector may change; a Deployment's may not
    return rules == ["*"] or any(path == rule or path.startswith(f"{rule}.") for rule in rules)


def create(token: str, name: str, inputs: dict[str, Any], region: str) -> tuple[str, dict[str, Any]]:
    """Return (id, all outputs) of a new resource."""
    identity = _identity(token, name, inputs, region)
    made = {**_computed(token, name, inputs, region), **inputs}
    if token in _SPECIAL:
        made.update(_SPECIAL[token](identity, inputs, region))
    return identity, made


def _identity(token: str, name: str, inputs: dict[str, Any], region: str) -> str:
    if token.startswith("kubernetes:"):
        meta = inputs.get("metadata", {})
        return f"{meta['namespace']}/{meta['name']}" if "namespace" in meta else meta.get("name", name)
    if token in ID_PREFIXES:
        return f"{ID_PREFIXES[token]}-{secrets.token_hex(8)}0"
    if token == "aws:ssm/activation:Activation":
        return str(uuid.uuid4())
    if token in AUTO_NAMES and token.startswith(("aws:iam/role:", "aws:eks/cluster:")):
        return inputs["name"]
    if "clusterName" in inputs:
        last = next(
            (inputs[key] for key in ("addonName", "principalArn", "nodeGroupName") if key in inputs), name
        )
        return f"{inputs['clusterName']}:{last}"
    if token in ("aws:lb/loadBalancer:LoadBalancer", "aws:lb/targetGroup:TargetGroup"):
        return _arn(token, inputs["name"], region)
    return f"{name}-{secrets.token_hex(4)}"


def _arn(token: str, name: str, region: str) -> str:
    service, kind = token.split(":")[1].split("/")
    service = {"lb": "elasticloadbalancing"}.get(service, service)
    where = "" if service == "iam" else region
    return f"arn:{PARTITION}:{service}:{where}:{ACCOUNT}:{kind.lower()}/{name}"


def _computed(token: str, name: str, inputs: dict[str, Any], region: str) -> dict[str, Any]:
    made = {}
    for output, (annotation, always) in schema.outputs(token).items():
        if output == "arn":
            made[output] = _arn(token, inputs.get("name", name), region)
        elif output == "region":
            made[output] = region
        elif output not in inputs and always:
            made[output] = schema.example(annotation, f"{name}-{output}")
    return made


def _activation(identity: str, inputs: dict[str, Any], _region: str) -> dict[str, Any]:
    tomorrow = (datetime.now(UTC) + timedelta(hours=24)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "activationCode": "Code" + hashlib.sha256(identity.encode()).hexdigest()[:16],
        "expirationDate": inputs.get("expirationDate", tomorrow),
        "expired": False,
    }


def _instance(identity: str, _inputs: dict[str, Any], _region: str) -> dict[str, Any]:
    return {"privateIp": f"10.90.1.{int(identity[-3:-1], 16) % 200 + 10}", "publicIp": ""}


def _cluster(_identity: str, inputs: dict[str, Any], region: str) -> dict[str, Any]:
    number = hashlib.sha256(inputs["name"].encode()).hexdigest()[:32]
    return {
        "endpoint": f"https://{number}.{region}.eks.example",
        "certificateAuthority": {"data": "LS0tLS1CRUdJTi0="},
        "identities": [{"oidcs": [{"issuer": f"https://oidc.eks.{region}.example/id/{number}"}]}],
    }


def _node_group(identity: str, _inputs: dict[str, Any], _region: str) -> dict[str, Any]:
    group = "eks-" + identity.split(":")[-1] + "-" + hashlib.sha256(identity.encode()).hexdigest()[:8]
    return {"resources": [{"autoscalingGroups": [{"name": group}], "remoteAccessSecurityGroupId": ""}]}


def _launch_template(_identity: str, _inputs: dict[str, Any], _region: str) -> dict[str, Any]:
    return {"latestVersion": 1, "defaultVersion": 1}


def _load_balancer(_identity: str, inputs: dict[str, Any], region: str) -> dict[str, Any]:
    return {"dnsName": f"{inputs['name']}-1234567890.{region}.elb.example"}


_SPECIAL: dict[str, Callable[[str, dict[str, Any], str], dict[str, Any]]] = {
    "aws:ec2/instance:Instance": _instance,
    "aws:ec2/launchTemplate:LaunchTemplate": _launch_template,
    "aws:eks/cluster:Cluster": _cluster,
    "aws:eks/nodeGroup:NodeGroup": _node_group,
    "aws:lb/loadBalancer:LoadBalancer": _load_balancer,
    "aws:ssm/activation:Activation": _activation,
}


def update(token: str, outputs: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
    """Return the outputs of a resource after an update in place."""
    updated = {**outputs, **inputs}
    tags = {"tags", "tagsAll"}
    if token == "aws:ec2/launchTemplate:LaunchTemplate" and any(
        inputs[key] != outputs.get(key) for key in inputs.keys() - tags
    ):
        updated["latestVersion"] = outputs["latestVersion"] + 1
    return updated


def failed(token: str, outputs: dict[str, Any]) -> dict[str, Any]:
    """Return what the provider knows of what was made and then reported failed: it does not read it."""
    return {**outputs, "resources": []} if token == "aws:eks/nodeGroup:NodeGroup" else outputs


def look_up(token: str, args: dict[str, Any], region: str, orders: dict[str, Any]) -> dict[str, Any]:
    """Return what a provider function (an invoke) answers; `orders` as in journal.py.

    Raises:
        LookupError: for a function that the stand-in does not know.

    """
    if token == "aws:ssm/getParameter:getParameter":
        ami = "ami-" + hashlib.sha256(args["name"].encode()).hexdigest()[:17]
        value = orders.get("parameters", {}).get("*", ami)
        return {
            **args,
            "id": args["name"],
            "value": value,
            "insecureValue": value,
            "type": "String",
            "version": 1,
        }
    if token == "aws:index/getAvailabilityZones:getAvailabilityZones":
        names = orders.get("zones", [f"{region}{zone}" for zone in "acd"])
        return {"id": region, "names": names, "zoneIds": [f"z{number}" for number in range(len(names))]}
    if token == "aws:eks/getAddonVersion:getAddonVersion":
        build = 9 if args.get("mostRecent") else 2
        return {
            **args,
            "id": args["addonName"],
            "version": f"v{args['kubernetesVersion']}.4-eksbuild.{build}",
        }
    if token == "aws:iam/getPolicyDocument:getPolicyDocument":
        text = json.dumps(args, sort_keys=True)
        return {
            **args,
            "id": hashlib.sha256(text.encode()).hexdigest()[:10],
            "json": text,
            "minifiedJson": text,
        }
    answers = {
        "aws:index/getCallerIdentity:getCallerIdentity": {
            "accountId": orders.get("account", ACCOUNT),
            "arn": CALLER,
            "userId": "AIDAENGINETEST",
        },
        "aws:index/getPartition:getPartition": {
            "partition": PARTITION,
            "dnsSuffix": "amazonaws.com",
            "reverseDnsPrefix": "com.amazonaws",
        },
        "aws:index/getRegion:getRegion": {"name": region, "region": region, "description": region},
    }
    if token not in answers:
        raise LookupError(f"the stand-in does not know the function {token}: add it to look_up")
    return {"id": token, **answers[token]}


def contains_unknown(value: Any) -> bool:
    """Tell whether anything in `value` is only known after the resources before it exist."""
    if isinstance(value, dict):
        return any(contains_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(contains_unknown(item) for item in value)
    return value == wire.UNKNOWN
