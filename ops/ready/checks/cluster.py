"""What runs in a cluster that is up already, against what the program brings."""

from __future__ import annotations

from ops.checks.model import Findings, Outcome, skipped
from ops.clients.errors import AskError
from ops.clients.kube import METRICS_SERVICE
from ops.ready.context import Context, asked


@asked("cluster.metrics", "no other metrics-server loses its API")
def metrics(context: Context, findings: Findings) -> str | Outcome:
    if not context.wanted.metrics_server:
        return "metricsServer is false: the API metrics.k8s.io is left to another one"
    if not context.is_up:
        return skipped("there is no cluster yet")
    try:
        serving = context.kube().metrics_service()
    except AskError as error:
        return skipped(f"not known: {' '.join(error.problem.seen.split())[:120]}")
    if serving not in (None, METRICS_SERVICE):
        findings.warn(
            f"the cluster has another metrics-server: metrics.k8s.io leads to {serving}",
            why="this program brings one and leads the API to it; the other runs on, and nobody asks it any more",
            fix="to keep the other: pulumi config set metricsServer false; else uninstall it before pulumi up",
        )
    return "no other metrics-server serves metrics.k8s.io"
