"""What evaluating the program costs: `make bench`.

Each size runs in a process of its own, so that one leaves nothing behind for the next. The SDK's imports are
timed apart, because they are what a program of one resource pays as well.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

SIZES = (1, 10, 50, 200)

# What the program imports of the SDK: pulumi_aws loads its parts when they are first used.
_SDK = (
    "pulumi",
    "pulumi_eks",
    "pulumi_kubernetes.apps.v1",
    "pulumi_kubernetes.core.v1",
    "pulumi_kubernetes.yaml.v2",
    *(
        f"pulumi_aws.{part}"
        for part in ("autoscaling", "cloudwatch", "ec2", "eks", "iam", "lb", "ssm", "vpc")
    ),
)


def measure(nodes: int) -> dict[str, float]:
    """Evaluate the dev stack with that many hybrid nodes, in this process: seconds, MiB, resources."""
    from importlib import import_module

    started = time.perf_counter()
    for module in _SDK:
        import_module(module)
    imported = time.perf_counter()

    from ops.plan.evaluation import plan_stack

    ours = time.perf_counter()
    shape = json.dumps([{"name": f"hybrid-{number}"} for number in range(1, nodes + 1)])
    before = time.perf_counter()
    plan = plan_stack("dev", {"hybridNodes": shape})
    evaluated = time.perf_counter()
    return {
        "nodes": nodes,
        "resources": len(plan.recording.resources),
        "import_s": imported - started,
        "own_import_s": ours - imported,
        "evaluate_s": evaluated - before,
        # Linux counts in KiB, macOS in bytes.
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        / (1 if sys.platform == "linux" else 1024)
        / 1024,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table. `--json` prints the numbers; `--one N` measures one size in this very process."""
    parser = argparse.ArgumentParser(prog="python -m bench.speed", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the numbers for machines")
    parser.add_argument("--one", type=int, metavar="N", help="measure one size, in this process, as JSON")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of hybrid nodes")
    options = parser.parse_args(arguments)
    if options.one is not None:
        sys.stdout.write(json.dumps(measure(options.one)) + "\n")
        return
    rows = [_in_a_process(size) for size in options.sizes]
    sys.stdout.write(json.dumps(rows, indent=2) + "\n" if options.json else table(rows))


def table(rows: Sequence[dict[str, float]]) -> str:
    """The measurements as text. A node costs what it adds to the smallest size, so fixed costs are left out."""
    lines = ["hybrid nodes  resources  SDK import s  own import s  evaluate s  s per added node  peak MiB"]
    first = rows[0]
    for row in rows:
        added = row["nodes"] - first["nodes"]
        each = f"{(row['evaluate_s'] - first['evaluate_s']) / added:.4f}" if added else "-"
        lines.append(
            f"{row['nodes']:>12}  {row['resources']:>9}  {row['import_s']:>12.2f}  {row['own_import_s']:>12.2f}"
            f"  {row['evaluate_s']:>10.2f}  {each:>16}  {row['peak_mib']:>8.0f}"
        )
    return "\n".join(lines) + "\n"


def _in_a_process(nodes: int) -> dict[str, float]:
    command = [sys.executable, "-W", "ignore", "-m", "bench.speed", "--one", str(nodes)]
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
