"""What whoever deploys must be allowed: IAM actions by the type of resource, and the policy that follows for a plan.

The table holds what the AWS provider asks for when it creates, reads, changes and deletes a resource as this program
describes it, and what AWS asks of the caller beside that (dependent actions:
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelastickuberneteseks.html and its
neighbours). Nobody has run it in an account: what is missing there names itself (doctor knows AccessDenied).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ops.program.recorder import Recording


def _crud(service: str, noun: str, *more: str, plural: str | None = None) -> tuple[str, ...]:
    """The usual three calls of a kind of resource, and more of the same service."""
    usual = (f"Create{noun}", f"Delete{noun}", f"Describe{plural or noun + 's'}")
    return tuple(f"{service}:{action}" for action in (*usual, *more))


_TAGS = ("ec2:CreateTags", "ec2:DeleteTags")
_EKS_TAGS = ("eks:TagResource", "eks:UntagResource")
_LB = "elasticloadbalancing"
_LB_TAGS = (f"{_LB}:AddTags", f"{_LB}:RemoveTags", f"{_LB}:DescribeTags")
_REVOKE = ("ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress")
_ROLE = tuple(
    f"iam:{action}"
    for action in (
        *(
            "CreateRole",
            "DeleteRole",
            "GetRole",
            "UpdateRole",
            "UpdateAssumeRolePolicy",
            "TagRole",
            "UntagRole",
        ),
        *("ListRolePolicies", "ListAttachedRolePolicies", "ListInstanceProfilesForRole"),
    )
)
_ATTACHMENT = ("iam:AttachRolePolicy", "iam:DetachRolePolicy", "iam:ListAttachedRolePolicies")
_ADDON = (
    *("eks:CreateAddon", "eks:DeleteAddon", "eks:DescribeAddon", "eks:UpdateAddon", "eks:DescribeUpdate"),
    *("eks:DescribeAddonVersions", *_EKS_TAGS),
)
_CLEAN_UP = ("eks:DescribeCluster", "ssm:DescribeInstanceInformation", "ssm:DeregisterManagedInstance")

ACTIONS: Mapping[str, tuple[str, ...]] = {
    "aws:autoscaling/attachment:Attachment": (
        "autoscaling:AttachLoadBalancerTargetGroups",
        "autoscaling:DetachLoadBalancerTargetGroups",
        "autoscaling:DescribeAutoScalingGroups",
    ),
    "aws:cloudwatch/logGroup:LogGroup": (
        *_crud("logs", "LogGroup", "PutRetentionPolicy", "DeleteRetentionPolicy"),
        *("logs:ListTagsForResource", "logs:TagResource", "logs:UntagResource"),
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": ("ec2:DescribeSecurityGroups", *_REVOKE, *_TAGS),
    "aws:ec2/eip:Eip": (
        *("ec2:AllocateAddress", "ec2:ReleaseAddress", "ec2:DisassociateAddress", "ec2:DescribeAddresses"),
        *("ec2:DescribeAddressesAttribute", *_TAGS),
    ),
    "aws:ec2/instance:Instance": (
        *("ec2:RunInstances", "ec2:TerminateInstances", "ec2:DescribeInstances", "ec2:DescribeInstanceTypes"),
        *("ec2:DescribeInstanceAttribute", "ec2:DescribeInstanceCreditSpecifications", "ec2:DescribeVolumes"),
        *("ec2:DescribeImages", "ec2:DescribeTags", "ec2:ModifyInstanceAttribute", *_TAGS),
    ),
    "aws:ec2/internetGateway:InternetGateway": (
        *_crud("ec2", "InternetGateway", "AttachInternetGateway", "DetachInternetGateway"),
        *_TAGS,
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": (
        *_crud("ec2", "LaunchTemplate", "CreateLaunchTemplateVersion", "DescribeLaunchTemplateVersions"),
        *("ec2:ModifyLaunchTemplate", *_TAGS),
    ),
    "aws:ec2/natGateway:NatGateway": (*_crud("ec2", "NatGateway"), *_TAGS),
    "aws:ec2/route:Route": (
        "ec2:CreateRoute",
        "ec2:DeleteRoute",
        "ec2:ReplaceRoute",
        "ec2:DescribeRouteTables",
    ),
    "aws:ec2/routeTable:RouteTable": (*_crud("ec2", "RouteTable", "DisassociateRouteTable"), *_TAGS),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": (
        *("ec2:AssociateRouteTable", "ec2:DisassociateRouteTable", "ec2:ReplaceRouteTableAssociation"),
        "ec2:DescribeRouteTables",
    ),
    "aws:ec2/securityGroup:SecurityGroup": (
        *_crud("ec2", "SecurityGroup", "DescribeSecurityGroupRules", "DescribeNetworkInterfaces"),
        *(*_REVOKE, *_TAGS),
    ),
    "aws:ec2/subnet:Subnet": (
        *_crud("ec2", "Subnet", "ModifySubnetAttribute", "DescribeNetworkInterfaces"),
        *_TAGS,
    ),
    "aws:ec2/vpc:Vpc": (
        *_crud("ec2", "Vpc", "ModifyVpcAttribute", "DescribeVpcAttribute", "DescribeNetworkAcls"),
        *("ec2:DescribeRouteTables", "ec2:DescribeSecurityGroups", *_TAGS),
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": (
        *("ec2:CreateVpcEndpoint", "ec2:DeleteVpcEndpoints", "ec2:DescribeVpcEndpoints"),
        *("ec2:ModifyVpcEndpoint", "ec2:DescribePrefixLists", *_TAGS),
    ),
    "aws:ec2/vpcPeeringConnection:VpcPeeringConnection": (
        *_crud("ec2", "VpcPeeringConnection", "AcceptVpcPeeringConnection"),
        *("ec2:ModifyVpcPeeringConnectionOptions", *_TAGS),
    ),
    # With a site of one's own.
    "aws:ec2/vpnGatewayAttachment:VpnGatewayAttachment": (
        *("ec2:AttachVpnGateway", "ec2:DescribeVpnGateways", "ec2:DetachVpnGateway"),
    ),
    "aws:ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation": (
        *("ec2:DescribeRouteTables", "ec2:DisableVgwRoutePropagation", "ec2:EnableVgwRoutePropagation"),
    ),
    "aws:ec2transitgateway/vpcAttachment:VpcAttachment": (
        *_crud("ec2", "TransitGatewayVpcAttachment", "ModifyTransitGatewayVpcAttachment"),
        *("ec2:DescribeTransitGateways", *_TAGS),
    ),
    "aws:eks/accessEntry:AccessEntry": (
        *(
            "eks:CreateAccessEntry",
            "eks:DeleteAccessEntry",
            "eks:DescribeAccessEntry",
            "eks:UpdateAccessEntry",
        ),
        *_EKS_TAGS,
    ),
    "aws:eks/addon:Addon": _ADDON,
    "aws:eks/nodeGroup:NodeGroup": (
        *("eks:CreateNodegroup", "eks:DeleteNodegroup", "eks:DescribeNodegroup", "eks:DescribeUpdate"),
        *("eks:UpdateNodegroupConfig", "eks:UpdateNodegroupVersion", *_EKS_TAGS),
        # EKS asks these of whoever makes a group with a launch template.
        *("ec2:RunInstances", "ec2:DescribeLaunchTemplateVersions", "ec2:DescribeSubnets", *_TAGS),
        *("iam:GetRole", "iam:ListAttachedRolePolicies", "iam:PassRole", "iam:CreateServiceLinkedRole"),
    ),
    "aws:iam/role:Role": _ROLE,
    "aws:iam/rolePolicy:RolePolicy": ("iam:PutRolePolicy", "iam:GetRolePolicy", "iam:DeleteRolePolicy"),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": _ATTACHMENT,
    "aws:lb/listener:Listener": (
        *_crud(_LB, "Listener", "ModifyListener", "DescribeListenerAttributes", "ModifyListenerAttributes"),
        *_LB_TAGS,
    ),
    "aws:lb/loadBalancer:LoadBalancer": (
        *_crud(_LB, "LoadBalancer", "DescribeLoadBalancerAttributes", "ModifyLoadBalancerAttributes"),
        *(f"{_LB}:SetSecurityGroups", f"{_LB}:SetSubnets", f"{_LB}:DescribeCapacityReservation", *_LB_TAGS),
        # What the provider waits for when it is deleted; what the first one in an account needs.
        *("ec2:DescribeNetworkInterfaces", "iam:CreateServiceLinkedRole"),
    ),
    "aws:lb/targetGroup:TargetGroup": (
        *_crud(_LB, "TargetGroup", "ModifyTargetGroup", "DescribeTargetGroupAttributes"),
        *(f"{_LB}:ModifyTargetGroupAttributes", *_LB_TAGS),
    ),
    "aws:lb/targetGroupAttachment:TargetGroupAttachment": (
        *(f"{_LB}:RegisterTargets", f"{_LB}:DeregisterTargets", f"{_LB}:DescribeTargetHealth"),
    ),
    "aws:ssm/activation:Activation": (
        *_crud("ssm", "Activation", "AddTagsToResource"),
        *("iam:PassRole", "iam:GetRole"),
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": (
        *("ec2:AuthorizeSecurityGroupEgress", "ec2:RevokeSecurityGroupEgress"),
        *("ec2:DescribeSecurityGroupRules", "ec2:ModifySecurityGroupRules", *_TAGS),
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": (
        *("ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"),
        *("ec2:DescribeSecurityGroupRules", "ec2:ModifySecurityGroupRules", *_TAGS),
    ),
    # The packaged component: a role with its attachments, the control plane, kube-proxy.
    "eks:index:Cluster": (
        *_crud("eks", "Cluster", "UpdateClusterConfig", "UpdateClusterVersion", plural="Cluster"),
        *("ec2:DescribeSubnets", "ec2:DescribeSecurityGroups", "ec2:DescribeVpcs"),
        *("iam:PassRole", "iam:CreateServiceLinkedRole", *_EKS_TAGS, *_ROLE, *_ATTACHMENT, *_ADDON),
    ),
    "pulumi-python:dynamic/ekshybrid:NodeCleanup": _CLEAN_UP,
    "pulumi-python:dynamic/ekshybrid:NodeDrain": ("eks:DescribeCluster",),
    # What the program looks up.
    "aws:eks/getAddonVersion:getAddonVersion": ("eks:DescribeAddonVersions",),
    "aws:index/getAvailabilityZones:getAvailabilityZones": ("ec2:DescribeAvailabilityZones",),
    "aws:index/getCallerIdentity:getCallerIdentity": ("sts:GetCallerIdentity",),
    "aws:ssm/getParameter:getParameter": ("ssm:GetParameter",),
}
# They call nothing in AWS.
_NO_CALLS = re.compile(
    r"kubernetes:|pulumi:|ekshybrid:|aws:index/getPartition:|pulumi-python:dynamic/ekshybrid:FixedSettings$"
)

_LINKED = "arn:aws:iam::ACCOUNT:role/aws-service-role/*"
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
            f"ops/program/permissions.py does not know what {', '.join(unknown)} asks of AWS: add the actions"
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
    here = {"StringEquals": {"aws:RequestedRegion": "REGION"}}
    ec2 = {action for action in actions if action.startswith("ec2:")}
    rest = [
        *_restricted(recording, actions - ec2),
        _statement("Region", _elsewhere(actions - ec2), ["*"], here),
    ]
    return {
        "deploy-ec2": _document([_statement("Region", ec2, ["*"], here)]),
        "deploy": _document(rest),
    }


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
    iam = {action for action in actions if action.startswith("iam:")}
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


# What ops ready, verify and doctor ask: operations of botocore by service.
_READS: Mapping[str, tuple[str, ...]] = {
    "ec2": (
        *("describe_addresses", "describe_availability_zones", "describe_instance_type_offerings"),
        *(
            "describe_instance_types",
            "describe_instances",
            "describe_launch_templates",
            "describe_nat_gateways",
        ),
        *(
            "describe_network_interfaces",
            "describe_route_tables",
            "describe_security_groups",
            "describe_subnets",
        ),
        *("describe_volumes", "describe_vpc_block_public_access_options", "describe_vpc_endpoints"),
        *("describe_vpc_peering_connections", "describe_vpcs", "get_console_output"),
        "get_ebs_default_kms_key_id",
    ),
    "eks": (
        *("describe_access_entry", "describe_addon", "describe_addon_versions", "describe_cluster"),
        *("describe_cluster_versions", "describe_nodegroup", "list_access_entries", "list_addons"),
        *("list_clusters", "list_nodegroups"),
    ),
    "elasticloadbalancing": (
        *("describe_load_balancers", "describe_tags", "describe_target_groups", "describe_target_health"),
    ),
    "freetier": ("get_account_plan_state",),
    "iam": ("get_role", "list_role_tags", "list_roles", "simulate_principal_policy"),
    "kms": ("describe_key", "get_key_policy", "list_grants"),
    "logs": ("describe_log_groups",),
    "servicequotas": ("get_aws_default_service_quota", "get_service_quota"),
    "ssm": ("describe_activations", "describe_instance_information", "get_parameter"),
    "sts": ("get_caller_identity",),
    "tag": ("get_resources",),
}


def reading_policy() -> dict[str, Any]:
    """The policy document that ops ready, verify and doctor need; none of it changes anything."""
    actions = {f"{service}:{camel(each)}" for service, names in _READS.items() for each in names}
    return _document([_statement("Read", actions - {"sts:GetCallerIdentity"}, ["*"])])


def camel(operation: str) -> str:
    """The IAM action of an operation of botocore: describe_vpcs is DescribeVpcs."""
    name = "".join(part.capitalize() for part in operation.split("_"))
    return name.replace("AwsDefault", "AWSDefault")


def trust_policy() -> dict[str, Any]:
    """Who may take the role: jobs of this repository in its environment "acceptance", by GitHub's OIDC provider."""
    issuer = "token.actions.githubusercontent.com"
    return _document(
        [
            {
                "Effect": "Allow",
                "Principal": {"Federated": f"arn:aws:iam::ACCOUNT:oidc-provider/{issuer}"},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {
                    "StringEquals": {
                        f"{issuer}:aud": "sts.amazonaws.com",
                        f"{issuer}:sub": "repo:OWNER/REPOSITORY:environment:acceptance",
                    }
                },
            }
        ]
    )


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
