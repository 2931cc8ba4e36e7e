"""The way from the EKS VPC to a data centre of one's own: an attachment to a gateway, or routes of somebody else."""

from collections.abc import Callable, Mapping
from ipaddress import IPv4Network

from ops.checks.model import Findings, Outcome, listed, skipped
from ops.clients.stack_outputs import Expected, HybridNode
from ops.verify.context import Context
from ops.verify.tables import Object, target, used_tables, ways

_AGAIN = "pulumi up --refresh"


def not_joined(machine: HybridNode) -> dict[str, str]:
    """Why a machine of one's own has not joined, and what fixes it."""
    return {
        "why": "nobody has run on it what ops join writes, or the join failed there",
        "fix": f"ops join {machine.name}; on the machine: sudo journalctl --unit eks-hybrid-join",
    }


def attachment(context: Context, findings: Findings) -> str | Outcome:
    """Ask whether the gateway is attached to the EKS VPC, and may be used."""
    expected = context.deployment.checks
    if not expected.own_site:
        return skipped("not needed: a VPC of the stack plays the site")
    output, gateway = _gateway(expected)
    if not gateway:
        return skipped("site.routes is none: the gateway is not the stack's")
    return _ATTACHED[output](context, findings, gateway)


def _gateway(expected: Expected) -> tuple[str, str]:
    """Give the output that names the gateway, and the gateway; empty where it is not the stack's."""
    return next(((output, named) for output in _ATTACHED if (named := expected.named.get(output))), ("", ""))


def _transit(context: Context, findings: Findings, gateway: str) -> str:
    expected = context.deployment.checks
    vpc, key = expected.vpc_id, "TransitGatewayVpcAttachments"
    wanted = [
        {"Name": "transit-gateway-id", "Values": [gateway]},
        {"Name": "vpc-id", "Values": [vpc]},
    ]
    # A deleted one is listed for a while, beside the one that took its place.
    found = [
        each
        for each in context.aws.pages("ec2", "describe_transit_gateway_vpc_attachments", key, Filters=wanted)
        if each.get("State") not in ("deleted", "deleting")
    ]
    if not found:
        findings.fail(
            f"{vpc} is not attached to {gateway}",
            why="the attachment was deleted outside Pulumi: nothing gets from the VPC to your data centre",
            fix=f"{_AGAIN} attaches it again",
        )
        return ""
    identity, state = found[0]["TransitGatewayAttachmentId"], found[0].get("State", "unknown")
    if state == "pendingAcceptance":
        findings.fail(
            f"{identity} is pendingAcceptance",
            why=f"the owner of {gateway} has to accept it, and no route can lead to the gateway before",
            fix="in the owner's account: aws ec2 accept-transit-gateway-vpc-attachment --region "
            f"{expected.region} --transit-gateway-attachment-id {identity}; then pulumi up",
        )
    elif state != "available":
        findings.fail(
            f"{identity} is {state}",
            why="it is being made or changed; or it was rejected by the owner of the gateway, or failed",
            fix=f"wait: ops verify --wait 5m; if it stays: aws ec2 describe-transit-gateway-attachments --region "
            f"{expected.region} --transit-gateway-attachment-ids {identity}",
        )
    return f"{identity} to {gateway} is available"


def _vpn(context: Context, findings: Findings, identity: str) -> str:
    expected = context.deployment.checks
    vpc, missing = expected.vpc_id, ("InvalidVpnGatewayID.NotFound",)
    answer = context.aws.ask("ec2", "describe_vpn_gateways", missing=missing, VpnGatewayIds=[identity])
    gateway = next(iter(answer["VpnGateways"]), {}) if answer else {}
    if not gateway or gateway.get("State") in ("deleted", "deleting"):
        findings.fail(
            f"there is no virtual private gateway {identity} in {expected.region}",
            why="it was deleted outside Pulumi: nothing gets from the VPC to your data centre",
            fix="name the one there is: pulumi config set --path site.vpnGatewayId vgw-..., then pulumi up",
        )
        return ""
    states = {each.get("VpcId"): each.get("State") for each in gateway.get("VpcAttachments") or []}
    if states.get(vpc) != "attached":
        findings.fail(
            f"{identity} is {states.get(vpc) or 'not attached'} at {vpc}",
            why="it was detached outside Pulumi, or it is still being attached",
            fix=f"wait: ops verify --wait 5m; if it stays: {_AGAIN}",
        )
    return f"{identity} is attached to {vpc}"


# By the output that names the gateway.
_ATTACHED: Mapping[str, Callable[[Context, Findings, str], str]] = {
    "transitGatewayId": _transit,
    "vpnGatewayId": _vpn,
}


def routes(context: Context, findings: Findings) -> str:
    """Ask whether every table in use sends every range of the data centre to the gateway, and whether that works."""
    expected = context.deployment.checks
    output, gateway = _gateway(expected)
    count = 0
    for table in used_tables(context, expected.vpc_id):
        count += 1
        name = table["RouteTableId"]
        if output == "vpnGatewayId" and not _propagates(table, gateway):
            findings.fail(
                f"{name} does not take the routes of {gateway}: route propagation is off",
                why="it was turned off outside Pulumi",
                fix=f"{_AGAIN} (or aws ec2 enable-vgw-route-propagation --region {expected.region} "
                f"--route-table-id {name} --gateway-id {gateway})",
            )
            continue
        for cidr in expected.remote_node_networks:
            for part, route in ways(table["Routes"], cidr):
                _judge(findings, expected, name, part, route)
    ranges = listed(expected.remote_node_networks)
    return f"{count} of {count} route tables send {ranges} to {gateway or 'a target of your own'}"


def _propagates(table: Object, gateway: str) -> bool:
    return any(each.get("GatewayId") == gateway for each in table.get("PropagatingVgws") or [])


def _judge(
    findings: Findings, expected: Expected, table: str, part: IPv4Network, route: Object | None
) -> None:
    output, gateway = _gateway(expected)
    why, fix = _MISSING[output]
    fix = fix.format(region=expected.region, gateway=gateway, table=table, part=part)
    if route is None:
        findings.fail(f"{table} has no route to {part}", why=why, fix=fix)
    elif gateway and target(route) != gateway:
        findings.fail(
            f"{table} sends {part} to {target(route)}, not to {gateway}",
            why="a route was made by hand, or is left over from an older gateway",
            fix=f"aws ec2 delete-route --region {expected.region} --route-table-id {table} "
            f"--destination-cidr-block {route['DestinationCidrBlock']}, then {fix}",
        )
    elif route.get("State") != "active":
        findings.fail(
            f"{table}: the route to {part} ({target(route)}) is a {route.get('State')}",
            why="what it leads to is gone, or is not attached to the VPC any more",
            fix=fix,
        )


# Why there is no route, and what makes one.
_MISSING: Mapping[str, tuple[str, str]] = {
    "transitGatewayId": (
        "what leaves the VPC for your data centre is lost: the route was deleted",
        (
            "pulumi up --refresh (or aws ec2 create-route --region {region} --route-table-id {table} "
            "--destination-cidr-block {part} --transit-gateway-id {gateway})"
        ),
    ),
    "vpnGatewayId": (
        "the gateway does not know the range: its VPN connection is down, or your side does not announce it",
        (
            "aws ec2 describe-vpn-connections --region {region} --filters Name=vpn-gateway-id,Values={gateway} shows "
            "whether the tunnels are up; without BGP: aws ec2 create-vpn-connection-route --vpn-connection-id vpn-... "
            "--destination-cidr-block {part}"
        ),
    ),
    "": (
        "what leaves the VPC for your data centre is lost, and with site.routes none the program makes no route",
        (
            "the route is yours to make: aws ec2 create-route --region {region} --route-table-id {table} "
            "--destination-cidr-block {part} --transit-gateway-id tgw-... (or what else leads there)"
        ),
    ),
}
