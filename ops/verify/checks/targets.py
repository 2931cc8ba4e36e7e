"""aws: the load balancer's targets are the nodes, all of them, and healthy."""

from typing import Any

from ops.checks.model import Findings, listed
from ops.verify import data_centre
from ops.verify.context import Context
from ops.verify.sample_app import sample_check

Object = dict[str, Any]

# The rows of the reasons that a target is not healthy.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
_REASONS = {
    "target-timeout": ("Target.Timeout",),
    "target-failed": ("Target.FailedHealthChecks", "Target.ResponseCodeMismatch"),
    "target-unused": ("Target.NotInUse", "Target.IpUnusable", "Target.InvalidState", "Target.NotRegistered"),
    "target-starting": ("Elb.RegistrationInProgress", "Elb.InitialHealthChecking", "Elb.InternalError"),
}
_CAUSES = {reason: id_ for id_, reasons in _REASONS.items() for reason in reasons}


@sample_check(
    "aws.targets-registered",
    "the load balancer's targets are the nodes, all of them and no other",
    needs=("aws.identity", "node.api"),
    eventually=True,
)
def targets_registered(context: Context, findings: Findings) -> str:
    nodes = context.cluster.nodes
    machines = {node.private_ip: node for node in context.deployment.hybrid_nodes if not node.instance_id}
    wanted = {
        "hybrid": {node.ip: str(node) for node in nodes if node.hybrid},
        "managed": {node.instance_id: str(node) for node in nodes if not node.hybrid},
    }
    for side, expected in wanted.items():
        registered = {item["Target"]["Id"] for item in _health(context, side) if not _leaving(item)}
        for missing in sorted(expected.keys() - registered):
            findings.fail(
                f"{expected[missing]} is not in the {side} target group ({missing})",
                why="the load balancer sends nothing to this node",
                fix="pulumi up --refresh registers hybrid nodes; the auto-scaling group registers managed ones",
            )
        for stranger in sorted(registered - expected.keys()):
            # It is of the settings: taking it out of the group would do harm as soon as it joins.
            if machine := machines.get(stranger):
                findings.fail(
                    f"{machine.name} ({stranger}) is a target and has not joined the cluster",
                    **data_centre.not_joined(machine),
                )
                continue
            findings.fail(
                f"{stranger} is a target of the {side} group but no {side} node of the cluster",
                why="left over from a replaced node, or a machine that never joined",
                fix="aws elbv2 deregister-targets --target-group-arn "
                f"{_arn(context, side)} --targets Id={stranger}",
            )
        findings.evidence.append(f"{side}: {listed(sorted(registered)) or 'none'}")
    count = sum(len(expected) for expected in wanted.values())
    return f"{count} targets, {count} nodes"


@sample_check("aws.targets-healthy", "every target is healthy", needs=("aws.identity",), eventually=True)
def targets_healthy(context: Context, findings: Findings) -> str:
    count = 0
    for side in ("managed", "hybrid"):
        for item in _health(context, side):
            if _leaving(item):
                continue
            count += 1
            health = item.get("TargetHealth") or {}
            if health.get("State") == "healthy":
                continue
            reason = health.get("Reason", "")
            cause = context.cause(_CAUSES.get(reason, "target-unexplained"))
            target = item["Target"]
            detail = ": ".join(part for part in (reason, health.get("Description", "")) if part)
            findings.fail(
                f"{side} target {target['Id']}:{target.get('Port', '?')} is {health.get('State')} "
                f"({detail or 'no reason given'})",
                **cause,
            )
    if not count:
        findings.fail(
            "no target is registered", why="the load balancer answers 503", fix="pulumi up --refresh"
        )
    bad = len(findings.problems)
    findings.failed = f"{bad} of {max(count, bad)} targets unhealthy"
    return f"{count} of {count} targets healthy"


def _arn(context: Context, side: str) -> str:
    return context.deployment.checks.target_groups[side]


def _health(context: Context, side: str) -> list[Object]:
    arn = _arn(context, side)
    return context.memo.get(f"targets/{side}", lambda: context.aws.target_health(arn))


def _leaving(item: Object) -> bool:
    """Tell whether a target is on its way out, which is how a replaced node looks for five minutes."""
    return (item.get("TargetHealth") or {}).get("State") == "draining"
