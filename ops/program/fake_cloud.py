"""Plausible answers for what only AWS knows: identities, addresses, values that creation gives.

Nothing here is true of any account. Every value is derived from the resource's URN, so a plan is the same each
time and every value can be traced back to the resource that it stands for.
"""

import hashlib
import ipaddress
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ops.program import sdk
from ops.program.existing_vpc import DescribedVpc

# The prefix AWS gives to the identity of each type, here and in the engine tests; everything else has its name.
ID_PREFIXES = {
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": "sg",
    "aws:ec2/eip:Eip": "eipalloc",
    "aws:ec2/instance:Instance": "i",
    "aws:ec2/internetGateway:InternetGateway": "igw",
    "aws:ec2/launchTemplate:LaunchTemplate": "lt",
    "aws:ec2/natGateway:NatGateway": "nat",
    "aws:ec2/routeTable:RouteTable": "rtb",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": "rtbassoc",
    "aws:ec2/securityGroup:SecurityGroup": "sg",
    "aws:ec2/subnet:Subnet": "subnet",
    "aws:ec2/vpc:Vpc": "vpc",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "vpce",
    "aws:ec2/vpcPeeringConnection:VpcPeeringConnection": "pcx",
    "aws:ec2transitgateway/vpcAttachment:VpcAttachment": "tgw-attach",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "sgr",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "sgr",
}

PACKAGED_CLUSTER = "eks:index:Cluster"


def digest(text: str, length: int) -> str:
    """The first `length` hex digits that stand for `text`."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


@dataclass(kw_only=True)
class FakeCloud:
    """Answers resource registrations and provider functions for one evaluation.

    `vpc` is the one that was there before the stack, where the settings name one.
    """

    region: str = "ap-northeast-1"
    partition: str = "aws"
    account_id: str = "123456789012"
    dns_suffix: str = "amazonaws.com"
    images: Mapping[str, str] = field(default_factory=dict)
    vpc: DescribedVpc | None = None
    resources: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)

    def create(
        self, urn: str, type_: str, name: str, inputs: Mapping[str, Any], *, custom: bool
    ) -> tuple[str, dict[str, Any]]:
        """The identity of a resource and the outputs it has beyond its inputs."""
        if not custom:
            return "", self._packaged(urn, type_, inputs)
        short = f"{name}-{digest(urn, 7)}"
        prefix = ID_PREFIXES.get(type_)
        id_ = f"{prefix}-0{digest(urn, 16)}" if prefix else short
        make = self._OUTPUTS.get(type_)
        outputs = make(self, id_, short, urn, inputs) if make else {}
        outputs = {"arn": self._arn(type_, id_), **outputs} if type_.startswith("aws:") else outputs
        id_ = outputs.pop("__id", id_)
        self.resources[urn] = (id_, {**inputs, **outputs})
        return id_, outputs

    def invoke(self, token: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of a provider function.

        Errors: LookupError for a function that the program is not known to use.
        """
        if token == "pulumi:pulumi:getResource":
            id_, state = self.resources[args["urn"]]
            return {"urn": args["urn"], "id": id_, "state": state}
        if token == "aws:ssm/getParameter:getParameter":
            value = self.images.get(args["name"], f"ami-0{digest(args['name'], 16)}")
            return {**args, "id": args["name"], "value": value, "insecureValue": value, "type": "String"}
        if token == "aws:eks/getAddonVersion:getAddonVersion":
            version = f"v{args['kubernetesVersion']}.0-eksbuild.1"
            return {**args, "id": args["addonName"], "version": version}
        if self.vpc and (answer := self.vpc.answer(token, args)):
            return answer
        zones = {f"{self.region}{letter}" for letter in "abc"} | (
            self.vpc.zones(self.region) if self.vpc else set()
        )
        answers: dict[str, dict[str, Any]] = {
            "aws:index/getPartition:getPartition": {
                "id": self.partition,
                "partition": self.partition,
                "dnsSuffix": self.dns_suffix,
            },
            "aws:index/getCallerIdentity:getCallerIdentity": {
                "id": self.account_id,
                "accountId": self.account_id,
                "arn": f"arn:{self.partition}:iam::{self.account_id}:user/nobody",
            },
            "aws:index/getRegion:getRegion": {"id": self.region, "region": self.region},
            "aws:index/getAvailabilityZones:getAvailabilityZones": {
                "id": self.region,
                "names": sorted(zones),
                "zoneIds": [f"{self.region}-az{number}" for number, _ in enumerate(zones, start=1)],
            },
        }
        if token not in answers:
            raise LookupError(
                f"no fake answer for the function {token}; add one in ops/program/fake_cloud.py"
            )
        return answers[token]

    def _arn(self, type_: str, id_: str) -> str:
        service = type_.split(":")[1].split("/")[0]
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{type_.rsplit(':', 1)[1].lower()}/{id_}"

    def _packaged(self, urn: str, type_: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        if type_ != PACKAGED_CLUSTER:
            return {}
        name = inputs["name"]
        child = (
            urn.replace(f"{PACKAGED_CLUSTER}::", f"{PACKAGED_CLUSTER}$aws:eks/cluster:Cluster::")
            + "-eksCluster"
        )
        endpoint = f"https://{digest(urn, 32).upper()}.gr7.{self.region}.eks.{self.dns_suffix}"
        issuer = f"https://oidc.eks.{self.region}.{self.dns_suffix}/id/{digest(urn, 32).upper()}"
        self.resources[child] = (
            name,
            {
                "name": name,
                "arn": f"arn:{self.partition}:eks:{self.region}:{self.account_id}:cluster/{name}",
                "endpoint": endpoint,
                "version": inputs["version"],
                "identities": [{"oidcs": [{"issuer": issuer}]}],
            },
        )
        kubeconfig = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "kubernetes", "cluster": {"server": endpoint, "certificate-authority-data": "Y2E="}}
            ],
            "contexts": [{"name": "aws", "context": {"cluster": "kubernetes", "user": "aws"}}],
            "current-context": "aws",
            "users": [
                {
                    "name": "aws",
                    "user": {
                        "exec": {
                            "apiVersion": "client.authentication.k8s.io/v1beta1",
                            "command": "aws",
                            "args": ["--region", self.region, "eks", "get-token", "--cluster-name", name],
                            "env": [{"name": "KUBERNETES_EXEC_INFO", "value": '{"apiVersion": "v1beta1"}'}],
                        }
                    },
                }
            ],
        }
        return {
            "eksCluster": {sdk.SIGNATURE: sdk.REFERENCE, "urn": child, "id": name},
            "kubeconfig": kubeconfig,
            "kubeconfigJson": {
                sdk.SIGNATURE: sdk.SECRET,
                "value": json.dumps(kubeconfig, sort_keys=True),
            },
        }

    def _role(self, _id: str, short: str, _urn: str, _inputs: Mapping[str, Any]) -> dict[str, Any]:
        return {"name": short, "arn": f"arn:{self.partition}:iam::{self.account_id}:role/{short}"}

    def _instance(self, _id: str, _short: str, urn: str, _inputs: Mapping[str, Any]) -> dict[str, Any]:
        # 198.18.0.0/15 is reserved for benchmarks (RFC 2544): an address that nobody takes for a real one.
        offset = int(digest(urn, 8), 16) % 0x1FFFE
        return {"privateIp": str(ipaddress.IPv4Address("198.18.0.1") + offset)}

    def _activation(self, _id: str, _short: str, urn: str, _inputs: Mapping[str, Any]) -> dict[str, Any]:
        h = digest(urn, 32)
        return {
            "__id": f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}",
            "activationCode": digest(f"code of {urn}", 20),
            "expirationDate": "2026-11-24T12:00:00Z",
        }

    def _eip(self, _id: str, _short: str, urn: str, _inputs: Mapping[str, Any]) -> dict[str, Any]:
        # 203.0.113.0/24 is reserved for documentation (RFC 5737).
        return {"publicIp": str(ipaddress.IPv4Address("203.0.113.1") + int(digest(urn, 4), 16) % 250)}

    def _node_group(self, _id: str, short: str, _urn: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "nodeGroupName": short,
            "resources": [{"autoscalingGroups": [{"name": f"eks-{short}"}]}],
            "__id": f"{inputs['clusterName']}:{short}",
        }

    def _load_balancer(self, _id: str, short: str, _urn: str, _inputs: Mapping[str, Any]) -> dict[str, Any]:
        arn = self._arn("aws:elasticloadbalancing:loadbalancer", f"app/{short}/{digest(short, 16)}")
        return {
            "name": short,
            "dnsName": f"{short}.{self.region}.elb.{self.dns_suffix}",
            "arn": arn,
            "arnSuffix": short,
            "__id": arn,
        }

    def _target_group(self, _id: str, short: str, _urn: str, _inputs: Mapping[str, Any]) -> dict[str, Any]:
        arn = self._arn("aws:elasticloadbalancing:targetgroup", f"{short}/{digest(short, 16)}")
        return {"name": short, "arn": arn, "__id": arn}

    def _launch_template(self, id_: str, short: str, _urn: str, _inputs: Mapping[str, Any]) -> dict[str, Any]:
        return {"name": short, "latestVersion": 1, "id": id_}

    def _named(self, _id: str, short: str, _urn: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        return {"name": inputs.get("name", short), "__id": inputs.get("name", short)}

    _OUTPUTS: ClassVar[Mapping[str, Callable[..., dict[str, Any]]]] = {
        "aws:cloudwatch/logGroup:LogGroup": _named,
        "aws:ec2/eip:Eip": _eip,
        "aws:ec2/instance:Instance": _instance,
        "aws:ec2/launchTemplate:LaunchTemplate": _launch_template,
        "aws:eks/nodeGroup:NodeGroup": _node_group,
        "aws:iam/role:Role": _role,
        "aws:lb/loadBalancer:LoadBalancer": _load_balancer,
        "aws:lb/targetGroup:TargetGroup": _target_group,
        "aws:ssm/activation:Activation": _activation,
    }
