"""What one resource is, in a few words: the inputs that matter, with references by name and secrets masked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ops.program.recorder import Recording, Resource

# Inputs worth a reader's time, per type, as (label, path). A type that is not here is its name.
_SHOWN: Mapping[str, tuple[tuple[str, str], ...]] = {
    "aws:autoscaling/attachment:Attachment": (("", "autoscalingGroupName"), ("to", "lbTargetGroupArn")),
    "aws:cloudwatch/logGroup:LogGroup": (("", "name"), ("days", "retentionInDays")),
    "aws:ec2/instance:Instance": (
        ("", "instanceType"),
        ("disk GiB", "rootBlockDevice.volumeSize"),
        ("in", "subnetId"),
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": (("disk GiB", "blockDeviceMappings[0].ebs.volumeSize"),),
    "aws:ec2/natGateway:NatGateway": (("in", "subnetId"),),
    "aws:ec2/route:Route": (
        ("", "destinationCidrBlock"),
        ("via", "gatewayId"),
        ("via", "natGatewayId"),
        ("via", "vpcPeeringConnectionId"),
        ("via", "transitGatewayId"),
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": (("table", "routeTableId"),),
    "aws:ec2/subnet:Subnet": (("", "cidrBlock"), ("", "availabilityZone")),
    "aws:ec2/vpc:Vpc": (("", "cidrBlock"),),
    "aws:ec2/vpcEndpoint:VpcEndpoint": (("", "serviceName"),),
    "aws:ec2/vpcPeeringConnection:VpcPeeringConnection": (("", "vpcId"), ("with", "peerVpcId")),
    "aws:eks/accessEntry:AccessEntry": (("", "type"),),
    "aws:eks/addon:Addon": (("", "addonName"),),
    "aws:eks/nodeGroup:NodeGroup": (
        ("Kubernetes", "version"),
        ("", "instanceTypes[0]"),
        ("", "amiType"),
        ("", "capacityType"),
        ("nodes", "scalingConfig.desiredSize"),
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": (("", "policyArn"),),
    "aws:lb/listener:Listener": (("", "protocol"), ("port", "port")),
    "aws:lb/loadBalancer:LoadBalancer": (("", "loadBalancerType"),),
    "aws:lb/targetGroup:TargetGroup": (("targets by", "targetType"), ("port", "port")),
    "aws:lb/targetGroupAttachment:TargetGroupAttachment": (("", "targetId"), ("port", "port")),
    "aws:ec2/vpnGatewayAttachment:VpnGatewayAttachment": (("to", "vpnGatewayId"),),
    "aws:ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation": (("table", "routeTableId"),),
    "aws:ec2transitgateway/vpcAttachment:VpcAttachment": (("to", "transitGatewayId"),),
    "ekshybrid:hybrid_nodes:HybridNode": (("", "os"),),
    "ekshybrid:own_machine:OwnMachine": (("", "os"),),
    "aws:ssm/activation:Activation": (("registrations", "registrationLimit"),),
    "eks:index:Cluster": (
        ("Kubernetes", "version"),
        ("services", "kubernetesServiceIpAddressRange"),
        ("API open to", "publicAccessCidrs[0]"),
    ),
    "kubernetes:apps/v1:Deployment": (
        ("replicas", "spec.replicas"),
        ("", "spec.template.spec.containers[0].image"),
    ),
    "kubernetes:core/v1:Service": (("", "spec.type"), ("port", "spec.ports[0].nodePort")),
}

# What stands for a component in a summary, by the component's module: the main resource in it, and the input that says
# most, with a word before it.
_SUMMARY: Mapping[str, tuple[str, str, str]] = {
    "network": ("aws:ec2/vpc:Vpc", "", "cidrBlock"),
    "cluster": ("eks:index:Cluster", "Kubernetes ", "version"),
    "managed_nodes": ("aws:eks/nodeGroup:NodeGroup", "up to ", "scalingConfig.maxSize"),
    "hybrid_nodes": ("aws:ec2/instance:Instance", "", "instanceType"),
    "load_balancer": ("aws:lb/listener:Listener", "port ", "port"),
    "nw_check": ("kubernetes:core/v1:Namespace", "namespace ", "metadata.name"),
    "sample_app": ("kubernetes:core/v1:Namespace", "namespace ", "metadata.name"),
}

GROUP = "aws:ec2/securityGroup:SecurityGroup"
RULES: Mapping[str, tuple[str, str]] = {
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": ("in ", "from"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": ("out", "to"),
}


class Describer:
    """Describes the resources of one recording."""

    def __init__(self, recording: Recording) -> None:
        self._names: dict[str, str] = {}
        for resource in recording.resources.values():
            for value in (resource.id, resource.outputs.get("arn"), resource.outputs.get("name")):
                if isinstance(value, str) and value:
                    self._names.setdefault(value, resource.name)
            address = resource.outputs.get("privateIp")
            if address:
                self._names[address] = f"address of {resource.name}"

    def __call__(self, resource: Resource) -> str:
        """A few words on a resource; empty when its name says it all."""
        if resource.type == "kubernetes:yaml/v2:ConfigGroup":
            return _objects(resource)
        words = []
        for label, path in _SHOWN.get(resource.type, ()):
            value = look_up(resource.inputs, path)
            if value is None:
                continue
            text = "[secret]" if path in resource.secrets else self.name(value)
            if label or text not in resource.name:
                words.append(f"{label} {text}".strip())
        return ", ".join(words)

    def summary(self, component: Resource, inside: Iterable[Resource]) -> str:
        """A few words on a component: what the main resources in it are; of several alike, how many."""
        main = _SUMMARY.get(component.type.split(":")[1])
        if not component.component or main is None:
            return self(component)
        type_, word, path = main
        found: dict[str, int] = {}
        for resource in inside:
            if resource.type == type_:
                words = f"{word}{self.name(look_up(resource.inputs, path))}"
                found[words] = found.get(words, 0) + 1
        return ", ".join(f"{count} x {words}" if count > 1 else words for words, count in found.items())

    def name(self, value: Any) -> str:
        """A value as text; the identity of a resource of this plan becomes the resource's name."""
        text = str(value)
        if text.startswith("arn:") and ":policy/" in text:
            return text.rpartition("/")[2]
        return self._names.get(text, text)

    def rules(self, group: Resource, resources: Iterable[Resource]) -> list[str]:
        """The rules of a security group, one line for each direction and port: "in  tcp 443 from managed"."""
        peers: dict[str, list[str]] = {}
        for rule in resources:
            if rule.type in RULES and rule.inputs.get("securityGroupId") == group.id:
                direction, word = RULES[rule.type]
                key = f"{direction} {rule.inputs['ipProtocol']} {rule.inputs['fromPort']} {word} "
                peer = rule.inputs.get("cidrIpv4") or self.name(
                    rule.inputs.get("referencedSecurityGroupId", "")
                )
                peers.setdefault(key, []).append(peer)
        return [key + ", ".join(sorted(found)) for key, found in sorted(peers.items())]


def look_up(value: Any, path: str) -> Any:
    """The value at a path such as "a.b[0].c", or None where there is none."""
    for step in path.replace("[", ".[").split("."):
        if step.startswith("["):
            index = int(step[1:-1])
            value = value[index] if isinstance(value, list) and len(value) > index else None
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
        if value is None:
            return None
    return value


def short_type(type_: str) -> str:
    """The last part of a type token, which is what people call the thing: "Subnet"."""
    return type_.rpartition(":")[2]


def _objects(resource: Resource) -> str:
    kinds: dict[str, int] = {}
    for obj in resource.inputs.get("objs", []):
        kind = {"CustomResourceDefinition": "CRD"}.get(obj["kind"], obj["kind"])
        kinds[kind] = kinds.get(kind, 0) + 1
    return ", ".join(f"{count} {kind}" if count > 1 else kind for kind, count in sorted(kinds.items()))
