"""What whoever deploys must be allowed: the policies that follow for a plan from the table in permissions.yaml."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ops.program.recorder import Recording

_TABLE = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
ACTIONS: Mapping[str, Sequence[str]] = _TABLE["actions"]
# They call nothing in AWS.
_NO_CALLS = re.compile(
    r"kubernetes:|pulumi:|ekshybrid:|aws:index/getPartition:|pulumi-python:dynamic/ekshybrid:(FixedSettings|RuleLimit)$"
)

_HERE = {"StringEquals": {"aws:RequestedRegion": "REGION"}}
_LINKED = "arn:aws:iam::ACCOUNT:role/aws-service-role/*"
_GATEWAY = re.compile(r"aws:ec2/vpnGateway|aws:ec2transitgateway/")
# Which service a role may be handed to, and for which services AWS makes a role by itself.
_PASSED_TO = ("ec2.amazonaws.com", "eks.amazonaws.com", "ssm.amazonaws.com")
_LINKED_FOR = (
    *("eks.amazonaws.com", "eks-nodegroup.amazonaws.com", "elasticloadbalancing.amazonaws.com"),
    *("autoscaling.amazonaws.com", "spot.amazonaws.com"),
)


def needed(recording: Recording) -> set[str]:
    """The IAM actions of a plan.

    Raises:
        ValueError: a type of resource, or a look-up, is not in the table.

    """
    types = {each.type for each in recording.resources.values() if each.custom or each.remote}
    types |= {token for token, _ in recording.invokes}
    unknown = sorted(each for each in types if each not in ACTIONS and not _NO_CALLS.match(each))
    if unknown:
        raise ValueError(
            f"bench/permissions.yaml does not know what {', '.join(unknown)} asks of AWS: add the actions"
        )
    return {action for each in types for action in ACTIONS.get(each, ())}


def role_names(recording: Recording) -> list[str]:
    """How the plan's roles are called, with * for what Pulumi adds; pulumi-eks's own one is among them."""
    own = [each.name for each in recording.of_type("aws:iam/role:Role")]
    packaged = [f"{each.name}-eksRole-role" for each in recording.of_type("eks:index:Cluster")]
    return sorted(f"{name}-*" for name in (*own, *packaged))


def policies(recording: Recording) -> dict[str, dict[str, Any]]:
    """The two policy documents that a deployment of the plan needs, EC2's part and the rest: one would be too long.

    ACCOUNT and REGION stand for the reader's.
    """
    actions = needed(recording)
    ec2 = {action for action in actions if action.startswith("ec2:")}
    rest = [
        *_restricted(recording, actions - ec2),
        _statement("Region", _elsewhere(actions - ec2), ["*"], _HERE),
    ]
    return {
        "deploy-ec2": _document([_statement("Region", ec2, ["*"], _HERE)]),
        "deploy": _document(rest),
    }


def gateway_policy() -> dict[str, Any]:
    """The policy document that a data centre of one's own needs beside these: the calls of both gateways."""
    actions = {action for type_, names in ACTIONS.items() if _GATEWAY.match(type_) for action in names}
    return _document([_statement("Region", actions, ["*"], _HERE)])


_DEREGISTER = "ssm:DeregisterManagedInstance"


def _elsewhere(actions: Iterable[str]) -> set[str]:
    """What no statement of `_restricted` allows. GetCallerIdentity needs no permission."""
    restricted = {each for each in actions if each.startswith(("iam:", "logs:"))} - {"logs:DescribeLogGroups"}
    return set(actions) - restricted - {_DEREGISTER, "sts:GetCallerIdentity"}


def _restricted(recording: Recording, allowed: set[str]) -> list[dict[str, Any]]:
    """What is allowed on some resources only: all of IAM, the control plane's logs, to deregister machines."""
    actions = set(allowed)
    roles = [f"arn:aws:iam::ACCOUNT:role/{name}" for name in role_names(recording)]
    policies = sorted(
        {
            each.inputs["policyArn"]
            for each in recording.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
        }
        | {"arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"}
    )
    special = {
        "PassRole": ("iam:PassRole", roles, {"StringEquals": {"iam:PassedToService": list(_PASSED_TO)}}),
        "ServiceLinkedRoles": (
            "iam:CreateServiceLinkedRole",
            [_LINKED],
            {"StringEquals": {"iam:AWSServiceName": list(_LINKED_FOR)}},
        ),
        "AttachPolicies": (
            ("iam:AttachRolePolicy", "iam:DetachRolePolicy"),
            roles,
            {"ArnEquals": {"iam:PolicyARN": policies}},
        ),
        # The tag comes from the activation: only machines of an EKS cluster of this account.
        "Deregister": (
            _DEREGISTER,
            ["arn:aws:ssm:REGION:ACCOUNT:managed-instance/*"],
            {"StringLike": {"ssm:resourceTag/EKSClusterARN": "arn:aws:eks:REGION:ACCOUNT:cluster/*"}},
        ),
    }
    statements = []
    for sid, (names, resources, condition) in special.items():
        wanted = [names] if isinstance(names, str) else list(names)
        found = [action for action in wanted if action in actions]
        actions -= set(found)
        if found:
            statements.append(_statement(sid, found, resources, condition))
    issuers = {action for action in actions if "OpenIDConnect" in action}
    if issuers:
        provider = "arn:aws:iam::ACCOUNT:oidc-provider/oidc.eks.REGION.amazonaws.com/id/*"
        statements.append(_statement("Issuer", issuers, [provider]))
    iam = {action for action in actions if action.startswith("iam:")} - issuers
    if iam:
        statements.append(_statement("Roles", iam, roles))
    if "iam:GetRole" in iam:
        # EKS looks for its service-linked roles in the caller's name.
        statements.append(_statement("LinkedRoles", ["iam:GetRole"], [_LINKED]))
    logs = {action for action in actions if action.startswith("logs:")} - {"logs:DescribeLogGroups"}
    if logs:
        groups = "arn:aws:logs:REGION:ACCOUNT:log-group:/aws/eks/*"
        statements.append(_statement("ControlPlaneLogs", logs, [groups]))
    return statements


def _document(statements: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def reading_policy() -> dict[str, Any]:
    """The policy document that ops ready, verify and doctor need; none of it changes anything."""
    actions = {f"{service}:{camel(each)}" for service, names in _TABLE["reads"].items() for each in names}
    return _document([_statement("Read", actions - {"sts:GetCallerIdentity"}, ["*"])])


def camel(operation: str) -> str:
    """The IAM action of an operation of botocore: describe_vpcs is DescribeVpcs."""
    name = "".join(part.capitalize() for part in operation.split("_"))
    return name.replace("AwsDefault", "AWSDefault").replace("OpenIdConnect", "OpenIDConnect")


def written(document: Mapping[str, Any]) -> str:
    """A policy document as a file."""
    return json.dumps(document, indent=2) + "\n"


def _statement(
    sid: str, actions: Iterable[str], resources: Sequence[str], condition: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    found = {
        "Sid": sid,
        "Effect": "Allow",
        "Action": _one_or_all(sorted(actions)),
        "Resource": _one_or_all(resources),
    }
    return {**found, "Condition": dict(condition)} if condition else found


def _one_or_all(texts: Sequence[str]) -> str | list[str]:
    return texts[0] if len(texts) == 1 else list(texts)
