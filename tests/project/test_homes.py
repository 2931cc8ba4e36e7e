"""Each fact has one home: what several rooms call by one name, how long a destroy waits, and what a change touches."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("infra", "k8s", "settings", "userdata", "ops")

# A text of the code -> the one file that writes it. Sentences for people may use it.
HOMES = {
    "eks-hybrid-calico:stack": "infra/names.py",
    "eks-hybrid-calico/activation": "infra/names.py",
    "eks-hybrid-calico/name": "infra/names.py",
    "topology.kubernetes.io/zone": "infra/names.py",
    "eks.amazonaws.com/compute-type": "infra/names.py",
    "eks.amazonaws.com/nodegroup": "infra/names.py",
    "EKSClusterARN": "infra/names.py",
    "use1-az3": "infra/names.py",
    "nw-check-closed": "infra/names.py",
    "sample-svc": "infra/names.py",
    "coredns-hybrid": "infra/names.py",
    "ubuntu-24.04": "infra/systems.py",
    "amzn 2023": "infra/systems.py",
}


@pytest.mark.parametrize(("text", "home"), HOMES.items())
def test_a_name_is_written_in_one_file(text, home):
    constant = re.compile(rf"""["']{re.escape(text)}(["'/{{]|$)""")
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    writers = {str(path.relative_to(ROOT)) for path in files if constant.search(path.read_text())}
    assert writers == {home}, f"{text} is written in {writers}: import it from {home}"


def rows(path, heading):
    table = (ROOT / path).read_text().partition(heading)[2]
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_waits_of_a_destroy_are_those_of_the_code():
    listed = set()
    for _, seconds, constants in rows("docs/design.md", "## What a destroy waits for")[1:8]:
        names = re.findall(r"`([\w.]+)`", constants)
        modules = [name.rpartition(".") for name in names]
        values = [getattr(importlib.import_module(module), name) for module, _, name in modules]
        assert [int(number) for number in re.findall(r"\d+", seconds)] == values, names
        listed |= {f"{module}.{name}" for module, _, name in modules}
    for module in ("infra.leaving", "infra.eks_api"):
        waits = {name for name in vars(importlib.import_module(module)) if name.endswith("_S")}
        assert {f"{module}.{name}" for name in waits} <= listed


@pytest.mark.parametrize(
    ("change", "most"), [("a NAT gateway in each zone", 6), ("RHEL 9", 4), ("a third kind of link", 8)]
)
def test_a_change_touches_few_files(change, most):
    touched = {row[0]: re.findall(r"`([^`]+)`", row[1]) for row in rows("CONTRIBUTING.md", "## Where it is")}
    assert len(touched[change]) <= most
    assert all((ROOT / path).exists() for path in touched[change])


def test_a_third_kind_of_link_is_sketched_with_the_files_of_the_second():
    # The rows of doctor say what AWS prints, and the advice is about the size of a packet in a VPN.
    its_own = {"settings/advice.py", "ops/known/aws.yaml"}
    files = [path for room in (*ROOMS, "bench") for path in (ROOT / room).rglob("*.*")]
    texts = [path for path in [*files, ROOT / "Pulumi.yaml"] if path.suffix in {".py", ".yaml"}]
    second = {
        str(path.relative_to(ROOT))
        for path in texts
        if re.search("vpn_?gateway_?(id|att)", path.read_text(), re.I)
    }
    touched = {row[0]: re.findall(r"`([^`]+)`", row[1]) for row in rows("CONTRIBUTING.md", "## Where it is")}
    assert set(touched["a third kind of link"]) == second - its_own
