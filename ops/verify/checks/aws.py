"""aws: what AWS runs is there, is wired both ways, and holds no stranger."""

from ipaddress import IPv4Network
from itertools import product
from typing import Any

from ops.checks.model import Findings, Outcome, check, listed, skipped
from ops.clients.errors import AskError
from ops.verify import data_centre
from ops.verify.context import Context
from ops.verify.tables import destination, tables, target, used_tables

Object = dict[str, Any]


@check("aws.identity", "the AWS credentials are of the stack's account")
def identity(context: Context, _: Findings) -> str:
    expected = context.deployment.checks.account_id
    account = context.aws.account()
    if account != expected:
        raise AskError(
            f"the credentials are of account {account}; the stack is in {expected}", code="other-account"
        )
    return f"account {account}"


@check("aws.cluster", "the EKS control plane is ACTIVE", needs=("aws.identity",), eventually=True)
def cluster(context: Context, findings: Findings) -> str:
    name = context.deployment.cluster_name
    found = context.memo.get("eks", lambda: context.aws.cluster(name))
    if found is None:
        findings.fail(
            f"there is no cluster {name} in {context.deployment.checks.region}",
            **context.cause("cluster-deleted"),
        )
        return ""
    if found.get("status") != "ACTIVE":
        issues = [issue.get("message", "") for issue in (found.get("health") or {}).get("issues") or []]
        findings.fail(
            f"{name} is {found.get('status')}{': ' if issues else ''}{listed(issues)}",
            **context.cause("cluster-failed" if found.get("status") == "FAILED" else "cluster-busy"),
        )
    return f"{name} is ACTIVE, Kubernetes {found.get('version')}"


_OWN_SITE = "the hybrid nodes are in a data centre of your own: there is no peering and no second VPC"


@check("aws.peering", "the VPC peering is active", needs=("aws.identity",), eventually=True)
def peering(context: Context, findings: Findings) -> str | Outcome:
    peering_id = context.deployment.checks.peering_id
    if not peering_id:
        return skipped(_OWN_SITE)
    answer = context.aws.ask(
        "ec2",
        "describe_vpc_peering_connections",
        missing=("InvalidVpcPeeringConnectionID.NotFound",),
        VpcPeeringConnectionIds=[peering_id],
    )
    found = next(iter(answer["VpcPeeringConnections"]), {}) if answer else {}
    status = (found.get("Status") or {}).get("Code", "missing")
    if status != "active":
        findings.fail(
            f"{peering_id} is {status}",
            why="the two VPCs have no other way to each other: no VXLAN, no kubelet, no ALB target across it",
            fix="pulumi up --refresh makes the peering again",
        )
    return f"{peering_id} is active"


@check(
    "aws.gateway",
    "the gateway to a data centre of your own is attached",
    needs=("aws.identity",),
    eventually=True,
)
def gateway(context: Context, findings: Findings) -> str | Outcome:
    return data_centre.attachment(context, findings)


@check(
    "aws.routes",
    "every route table in use leads to the other side, through the peering or your gateway",
    needs=("aws.identity", "aws.peering", "aws.gateway"),
)
def routes(context: Context, findings: Findings) -> str:
    expected = context.deployment.checks
    if expected.on_prem_vpc_cidr is None:
        return data_centre.routes(context, findings)
    sides = (
        (expected.vpc_id, (expected.on_prem_vpc_cidr,)),
        (expected.on_prem_vpc_id, expected.vpc_cidrs),
    )
    count = 0
    for vpc_id, others in sides:
        for table, other in product(used_tables(context, vpc_id), others):
            count += 1
            name = table["RouteTableId"]
            route = next((one for one in table["Routes"] if destination(one) == other), None)
            command = (
                f"pulumi up --refresh (or aws ec2 create-route --route-table-id {name} "
                f"--destination-cidr-block {other} --vpc-peering-connection-id {expected.peering_id})"
            )
            if route is None:
                findings.fail(
                    f"{name} in {vpc_id} has no route to {other}",
                    why="what leaves its subnets for the other VPC goes to the internet gateway or NAT and is lost",
                    fix=command,
                )
            elif route.get("VpcPeeringConnectionId") != expected.peering_id:
                findings.fail(
                    f"{name} in {vpc_id} sends {other} to {target(route)}, not to {expected.peering_id}",
                    why="the route was changed by hand or belongs to an older peering",
                    fix=command,
                )
            elif route.get("State") != "active":
                findings.fail(
                    f"{name} in {vpc_id}: the route to {other} is a {route.get('State')}",
                    why="its peering connection is gone or not active",
                    fix=command,
                )
    return f"{count} of {count} route tables reach the other VPC"


@check("aws.no-pod-routes", "the pod network is in no route table: VXLAN carries it", needs=("aws.identity",))
def no_pod_routes(context: Context, findings: Findings) -> str:
    expected = context.deployment.checks
    found = tables(context)
    for table in found:
        for route in table["Routes"]:
            where = destination(route)
            # The default route covers everything and says nothing about pods.
            if where is None or where.prefixlen == 0:
                continue
            if where.overlaps(expected.pod_cidr):
                name = table["RouteTableId"]
                findings.fail(
                    f"{name} sends {where} to {target(route)}",
                    why=f"{expected.pod_cidr} is the pod network: it lives inside VXLAN, and a VPC cannot deliver it",
                    fix=f"aws ec2 delete-route --route-table-id {name} --destination-cidr-block {where}",
                )
    return f"{expected.pod_cidr} is in none of {len(found)} route tables"


@check(
    "aws.access-entry",
    "hybrid nodes may join: their role has an access entry of type HYBRID_LINUX",
    needs=("aws.cluster",),
)
def access_entry(context: Context, findings: Findings) -> str:
    deployment = context.deployment
    role = deployment.checks.hybrid_role_arn
    answer = context.aws.ask(
        "eks",
        "describe_access_entry",
        missing=("ResourceNotFoundException",),
        clusterName=deployment.cluster_name,
        principalArn=role,
    )
    entry = answer and answer["accessEntry"]
    short = role.rpartition("/")[2]
    if entry is None:
        findings.fail(
            f"role {short} has no access entry in {deployment.cluster_name}",
            **context.cause("no-access-entry"),
        )
    elif entry.get("type") != "HYBRID_LINUX":
        findings.fail(
            f"the access entry of role {short} is of type {entry.get('type')}",
            **context.cause("access-entry-type", ARN=role),
        )
    return f"role {short} is HYBRID_LINUX"


@check(
    "aws.remote-node-networks",
    "the cluster's remote node networks are those of the settings",
    needs=("aws.cluster",),
)
def remote_node_networks(context: Context, findings: Findings) -> str:
    deployment = context.deployment
    found = context.memo.get("eks", lambda: context.aws.cluster(deployment.cluster_name)) or {}
    networks = (found.get("remoteNetworkConfig") or {}).get("remoteNodeNetworks") or []
    actual = {IPv4Network(cidr) for network in networks for cidr in network.get("cidrs") or []}
    wanted = set(deployment.checks.remote_node_networks)
    if actual != wanted:
        findings.fail(
            f"the cluster has {listed(sorted(actual)) or 'none'}; the stack asks for {listed(sorted(wanted))}",
            why="nodeadm refuses a node outside these networks, and the control plane does not route to it",
            fix="pulumi up --refresh",
        )
    return listed(sorted(wanted))


@check(
    "aws.registrations",
    "one online mi-* per hybrid node, and no stranger",
    needs=("aws.identity",),
    eventually=True,
)
def registrations(context: Context, findings: Findings) -> str:
    deployment = context.deployment
    wanted = {node.activation_id: node for node in deployment.hybrid_nodes}
    found = context.aws.registrations(activation_ids=sorted(wanted), cluster_arn=deployment.cluster_arn)
    by_activation: dict[str, list[Object]] = {activation: [] for activation in wanted}
    for item in sorted(found, key=lambda one: one["InstanceId"]):
        name, activation = item["InstanceId"], item.get("ActivationId", "")
        if activation in wanted:
            by_activation[activation].append(item)
            continue
        findings.fail(
            f"{name} ({item.get('ComputerName', 'no host name')}) is registered by activation {activation or '?'}, "
            "which is not of this stack",
            **context.cause("node-leftover", MI=name),
        )
    for activation, items in by_activation.items():
        node = wanted[activation]
        online = [item for item in items if item.get("PingStatus") == "Online"]
        findings.evidence += [
            f"{node.name}: {item['InstanceId']} {item.get('PingStatus')}, agent {item.get('AgentVersion', '?')}"
            for item in items
        ]
        if not items and not node.instance_id:
            findings.fail(
                f"{node.name} ({node.private_ip}, a machine of your own) has not registered",
                **data_centre.not_joined(node),
            )
        elif not items:
            findings.fail(
                f"{node.name} has not registered (activation {activation})",
                why="its join script has not reached `nodeadm init`, or failed before it",
                fix="ops doctor shows the last step of the join script",
            )
        elif not online:
            findings.fail(
                f"{node.name}: {items[0]['InstanceId']} is {items[0].get('PingStatus')}",
                **context.cause("ssm-connection-lost", ID=node.instance_id),
            )
    return f"{len(wanted)} of {len(wanted)} hybrid nodes online, no stranger"
