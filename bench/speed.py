"""What evaluating the program costs: `make bench`.

Each size runs in a process of its own, so that one leaves nothing behind for the next. The SDK's imports are
timed apart, because they are what a program of one resource pays as well. Last stands what `ops plan` costs beside
loading the modules of the SDK that it uses, at most MOST_BESIDE_THE_SDK times as much: in processor time, so that
another program on the machine counts little, and in turn.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

SIZES = (1, 10, 50, 200)
PAIRS = 5
MOST_BESIDE_THE_SDK = 1.6
_ROOT = Path(__file__).resolve().parent.parent
_PLAN = ("-m", "ops", "plan", "--stack", "dev")
_LOAD = "import importlib, sys\nfor name in sys.stdin.read().split(): importlib.import_module(name)"
# The names of the SDK's modules that a plan of the dev stack has loaded.
_USED = """import sys
from ops.plan.evaluation import plan_stack
plan_stack("dev", {})
print(*(name for name in sys.modules if name.partition(".")[0] in
        ("pulumi", "pulumi_aws", "pulumi_eks", "pulumi_kubernetes")))"""

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
    rows = [json.loads(_python("-m", "bench.speed", "--one", str(size))) for size in options.sizes]
    if options.json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
    else:
        sys.stdout.write(f"{table(rows)}\n{beside_the_sdk(_python('-c', _USED))}\n")


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


def beside_the_sdk(modules: str) -> str:
    """Processor seconds of a plan, of loading these modules, and how many times as much the one is, in the median."""
    # The first ones write bytecode.
    pairs = [(_processor_s(*_PLAN), _processor_s("-c", _LOAD, given=modules)) for _ in range(PAIRS + 1)][1:]
    planning, loading = (statistics.median(seconds) for seconds in zip(*pairs, strict=True))
    times = statistics.median(plan / load for plan, load in pairs)
    count = len(modules.split())
    return (
        f"ops plan takes {planning:.2f} s of processor time, loading the {count} modules of the SDK that it uses "
        f"{loading:.2f} s: {times:.2f} times as much (at most {MOST_BESIDE_THE_SDK}), {PAIRS} pairs in turn"
    )


def _processor_s(*arguments: str, given: str = "") -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _python(*arguments, given=given)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _python(*arguments: str, given: str = "") -> str:
    # With bytecode, as on a machine that has run it before.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-W", "ignore", *arguments]
    done = subprocess.run(
        command, cwd=_ROOT, env=environment, input=given, check=True, capture_output=True, text=True
    )
    return done.stdout


if __name__ == "__main__":
    main()
