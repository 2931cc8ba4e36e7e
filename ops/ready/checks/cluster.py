"""What runs in a cluster that is up already, against what the program brings."""

from infra.changes import ControlPlane, control_plane_refusals
from infra.credentials import is_principal, principal
from ops.checks.model import Findings, Outcome, skipped
from ops.clients.errors import AskError, NotAllowedError
from ops.clients.kube import METRICS_SERVICE
from ops.ready.context import STACK_TAG, Context, Object, asked

_ADMIN = "/AmazonEKSClusterAdminPolicy"
_NO_CLUSTER = "there is no cluster yet"


@asked("cluster.metrics", "no other metrics-server loses its API")
def metrics(context: Context, findings: Findings) -> str | Outcome:
    if not context.wanted.metrics_server:
        return "metricsServer is false: the API metrics.k8s.io is left to another one"
    if not context.is_up:
        return skipped(_NO_CLUSTER)
    try:
        serving = context.kube().metrics_service()
    except AskError as error:
        return skipped(f"not known: {error.brief}")
    if serving not in (None, METRICS_SERVICE):
        findings.warn(
            f"the cluster has another metrics-server: metrics.k8s.io leads to {serving}",
            why="this program brings one and leads the API to it; the other runs on, and nobody asks it any more",
            fix="to keep the other: pulumi config set metricsServer false; else uninstall it before pulumi up",
        )
    return "no other metrics-server serves metrics.k8s.io"


@asked("cluster.version", "EKS and the settings agree")
def version(context: Context, findings: Findings) -> str | Outcome:
    wanted, cluster = context.wanted, _own_cluster(context)
    if cluster is None:
        return skipped(_NO_CLUSTER)
    present = ControlPlane.described(cluster)
    for refusal in control_plane_refusals(
        present, {}, wanted.told, unset=wanted.unset, today=context.now().date()
    ):
        findings.fail(refusal.what, why=refusal.why, fix=refusal.fix)
    return f"EKS has Kubernetes {present.version} with {present.support_type}"


@asked("cluster.access", "who signs in may reach the API")
def access(context: Context, findings: Findings) -> str | Outcome:
    cluster = context.wanted.cluster
    if _own_cluster(context) is None:
        return skipped(_NO_CLUSTER)
    caller = context.ask("sts", "get_caller_identity")["Arn"]
    entries = context.pages("eks", "list_access_entries", "accessEntries", clusterName=cluster)
    entry = next((arn for arn in entries if is_principal(arn, caller)), None)
    policies = (
        context.pages(
            "eks",
            "list_associated_access_policies",
            "associatedAccessPolicies",
            clusterName=cluster,
            principalArn=entry,
        )
        if entry
        else []
    )
    if not any(
        policy["policyArn"].endswith(_ADMIN) and policy["accessScope"]["type"] == "cluster"
        for policy in policies
    ):
        arn = entry or _principal(context, caller)
        findings.fail(
            f"{arn} is no administrator of {cluster}",
            why="its API refuses this identity, so every Kubernetes object, drain and clean-up fails (Unauthorized); "
            "administrators are who made the cluster, and clusterAdmins",
            fix=f"an administrator runs pulumi config set --path 'clusterAdmins[{context.wanted.admins}]' {arn}, "
            "then make up",
        )
    return f"{entry} is an administrator"


def _own_cluster(context: Context) -> Object | None:
    missing = ("ResourceNotFoundException",)
    described = context.ask("eks", "describe_cluster", missing=missing, name=context.wanted.cluster)
    cluster = described["cluster"] if described else {}
    return cluster if (cluster.get("tags") or {}).get(STACK_TAG) == context.wanted.stack_tag else None


def _principal(context: Context, caller: str) -> str:
    """The ARN of who signs in, of a role with its path, as an access entry wants it."""
    arn = principal(caller)
    if arn == caller:
        return arn
    try:
        return context.ask("iam", "get_role", RoleName=arn.rpartition("/")[2])["Role"]["Arn"]
    except NotAllowedError:
        return arn
