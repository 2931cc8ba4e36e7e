"""What leads to a data centre of one's own is there, and takes this stack's VPC."""

from ops.checks.model import Findings, Outcome, skipped
from ops.ready.context import Context, Object, asked


@asked("account.gateway", "what leads to a data centre of your own is there")
def gateway(context: Context, findings: Findings) -> str | Outcome:
    checks = context.evaluated.recording.stack_outputs["opsOnly"]
    for key, ask in (("transitGatewayId", _transit), ("vpnGatewayId", _vpn)):
        if identity := checks.get(key):
            return ask(context, findings, identity)
    return skipped("the settings name none")


def _transit(context: Context, findings: Findings, identity: str) -> str:
    missing = ("InvalidTransitGatewayID.NotFound",)
    answer = context.ask("ec2", "describe_transit_gateways", missing=missing, TransitGatewayIds=[identity])
    found = _available(context, findings, identity, answer and answer["TransitGateways"], _TRANSIT)
    if not found:
        return ""
    owner = found["OwnerId"]
    mine = owner == context.ask("sts", "get_caller_identity")["Account"]
    accepts = (found.get("Options") or {}).get("AutoAcceptSharedAttachments") == "enable"
    if not (mine or accepts or context.is_up):
        findings.warn(
            f"{identity} is of account {owner}, which accepts each attachment by hand",
            why="the first pulumi up makes the attachment and stops at the routes, with "
            "InvalidTransitGatewayID.NotFound",
            fix=f"the owner accepts it (aws ec2 accept-transit-gateway-vpc-attachment --region {context.wanted.region} "
            "--transit-gateway-attachment-id tgw-attach-...), then pulumi up again",
        )
    return f"{identity} is available"


def _vpn(context: Context, findings: Findings, identity: str) -> str:
    missing = ("InvalidVpnGatewayID.NotFound",)
    answer = context.ask("ec2", "describe_vpn_gateways", missing=missing, VpnGatewayIds=[identity])
    found = _available(context, findings, identity, answer and answer["VpnGateways"], _VPN)
    attachments = found.get("VpcAttachments") or []
    taken = {each["VpcId"] for each in attachments if each.get("State") != "detached"}
    existing = context.wanted.existing_vpc
    if existing in taken and not context.is_up:
        findings.fail(
            f"{identity} is attached to {existing} already",
            why="a VPC and a virtual private gateway are attached once",
            fix=ROUTES_OF_OTHERS.format(key="vpnGatewayId"),
        )
    for vpc in sorted(taken - context.own_vpcs - {existing}):
        findings.fail(
            f"{identity} is attached to {vpc}, which is not of this stack",
            why="a virtual private gateway is attached to one VPC at a time",
            fix="name another one: pulumi config set --path site.vpnGatewayId vgw-...; or detach this one, which cuts "
            f"that VPC off: aws ec2 detach-vpn-gateway --region {context.wanted.region} --vpn-gateway-id {identity} "
            f"--vpc-id {vpc}",
        )
    return f"{identity} is available"


ROUTES_OF_OTHERS = (
    "leave the routes to those who made it: pulumi config rm --path site.{key} && pulumi config set --path "
    "site.routes none"
)
# What it is, the setting that names it, the command that lists them.
_TRANSIT = ("transit gateway", "site.transitGatewayId tgw-...", "describe-transit-gateways")
_VPN = ("virtual private gateway", "site.vpnGatewayId vgw-...", "describe-vpn-gateways")


def _available(
    context: Context,
    findings: Findings,
    identity: str,
    answer: list[Object] | None,
    kind: tuple[str, str, str],
) -> Object:
    """Give the gateway that AWS described; nothing, and a finding, where it cannot be used."""
    what, setting, command = kind
    region = context.wanted.region
    found = next(iter(answer or []), {})
    state = found.get("State")
    if state == "available":
        return found
    findings.fail(
        f"{identity} is {state}" if state else f"this account has no {what} {identity} in {region}",
        why="it must be available"
        if state
        else "it is of another region, or of an account that does not share it with this one, or was deleted",
        fix=f"name the right one: pulumi config set --path {setting}; aws ec2 {command} --region {region} lists them",
    )
    return {}
