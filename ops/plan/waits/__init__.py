"""How long `pulumi up` will take, and why: the longest chain of waits in the planned graph."""

from ops.plan.waits.order import Edge, needless_edges, unordered
from ops.plan.waits.path import Schedule, critical_path
from ops.plan.waits.table import render

__all__ = ["Edge", "Schedule", "critical_path", "needless_edges", "render", "unordered"]
