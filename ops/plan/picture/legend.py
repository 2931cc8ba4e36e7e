"""The colours and numbers of the flows. The numbers are those of the flow table that `ops plan` prints."""

from __future__ import annotations

from ops.plan.flows.proof import FlowReport

API, OUT, OVERLAY, APP = "#2457a6", "#52606d", "#7b2d8e", "#b44d12"


def entries(node_port: int, *, ubuntu: bool) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """(heading, colour, rows) per column; a row is (flow numbers, what they carry)."""
    out = [("3", "to the internet, tcp 443")]
    if ubuntu:
        out.append(("14", "Ubuntu packages, tcp 80"))
    return [
        (
            "Kubernetes API",
            API,
            [("1 2", "API calls, tcp 443"), ("4 5", "logs and exec, tcp 10250")],
        ),
        ("Way out", OUT, out),
        (
            "Pod network",
            OVERLAY,
            [("6 9", "VXLAN in one VPC, udp 4789"), ("7 8", "VXLAN across, udp 4789")],
        ),
        (
            "Sample app",
            APP,
            [
                ("13", "clients to balancer, tcp 80"),
                ("10 11", f"balancer to nodes, tcp {node_port}"),
                ("12", f"node to node, tcp {node_port}"),
            ],
        ),
    ]


def closed_numbers(report: FlowReport) -> frozenset[str]:
    """The numbers of closed flows as the picture shows them: 3a to 3d are 3."""
    return frozenset(row.flow.number.rstrip("abcd") for row in report.missing)
