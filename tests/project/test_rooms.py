"""Who may import whom, and which rooms are pure. The house stands on it: pure rooms start in a tenth of a second."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("infra", "k8s", "userdata", "settings", "ops")

# What every room may import: what several of them call by one name.
COMMON = {"infra.names", "infra.systems"}
# Module or package -> what it may import of the house, beside itself and what is common.
ALLOWED = {
    "infra": {"infra"},
    "infra/hybrid_nodes.py": {"infra", "userdata"},
    "infra/own_machine.py": {"infra", "userdata"},
    "infra/site.py": {"infra", "userdata"},
    "k8s": {"k8s", "infra.versions", "infra.flows", "infra.shapes"},
    "userdata": {"userdata"},
    "settings": {
        "settings",
        "infra.versions",
        "infra.addressing",
        "infra.changes",
        "infra.flows",
        "infra.instances",
        "infra.credentials",
        "infra.shapes",
    },
}
PURE = [
    "infra.names",
    "infra.systems",
    "settings",
    "infra.versions",
    "infra.addressing",
    "infra.instances",
    "infra.credentials",
    "infra.flows",
    "infra.iam",
    "infra.shapes",
    "userdata.cloud_config",
    "userdata.join_files",
    "userdata.paths",
    "k8s.calico_manifest",
    "k8s.calico_source",
    "k8s.workloads",
]


def modules():
    return [path for room in ALLOWED if "/" not in room for path in sorted((ROOT / room).rglob("*.py"))]


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_the_rooms_it_may(path):
    name = str(path.relative_to(ROOT))
    allowed = COMMON | ALLOWED.get(name, ALLOWED[name.split("/")[0]])
    for found in imported(path):
        if found.split(".")[0] in ROOMS:
            assert any(found == other or found.startswith(f"{other}.") for other in allowed), (
                f"{name} imports {found}; {name.split('/')[0]} imports only {allowed} of the house"
            )


COMMANDS = sorted(path.parent.name for path in ROOT.glob("ops/*/command.py"))


def test_no_command_imports_the_room_of_another():
    assert {"doctor", "plan", "verify"} <= set(COMMANDS)
    for command in COMMANDS:
        others = [f"ops.{other}" for other in COMMANDS if other != command]
        for path in sorted((ROOT / "ops" / command).rglob("*.py")):
            for found in imported(path):
                assert not any(found == other or found.startswith(f"{other}.") for other in others), (
                    f"{path.relative_to(ROOT)} imports {found}: what two commands share goes to ops/clients, "
                    "or to the room below both"
                )


# The rooms below the commands: what each may import of ops, beside itself.
SHARED = {
    "clients": set(),
    "checks": {"ops.clients", "ops.causes", "ops.options"},
    "program": {"ops.clients"},
}


def test_the_shared_rooms_know_no_command():
    for room, below in SHARED.items():
        for path in sorted((ROOT / "ops" / room).rglob("*.py")):
            for found in imported(path):
                if found.split(".")[0] == "ops":
                    assert any(found.startswith(f"{other}.") for other in {f"ops.{room}", *below}), (
                        f"{path.relative_to(ROOT)} imports {found}: ops/{room} is below the commands; "
                        "pass the value in, or move what both need down here"
                    )


def test_no_module_imports_itself_through_others():
    paths = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for room in (*ROOMS, "bench")
        for path in (ROOT / room).rglob("*.py")
    }
    graph = {
        module: {name if name in paths else name.rpartition(".")[0] for name in imported(path)} & paths.keys()
        for module, path in paths.items()
    }
    assert len(graph) > 100
    # CycleError names the modules of a circle.
    assert len(list(TopologicalSorter(graph).static_order())) == len(graph)


def test_contributing_names_only_files_that_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    paths = set(re.findall(r"`((?:settings|infra|k8s|userdata|ops|bench|tests)/[\w/.]*)`", text))
    assert len(paths) > 10
    for path in sorted(paths):
        assert (ROOT / path).exists(), f"CONTRIBUTING.md sends people to {path}, which does not exist"
    assert len(text.splitlines()) < 70, "CONTRIBUTING.md is one page: what is longer goes to docs/"


def test_what_users_run_needs_nothing_of_the_bench():
    for path in [ROOT / "__main__.py", *modules(), *sorted((ROOT / "ops").rglob("*.py"))]:
        for found in imported(path):
            assert found.split(".")[0] not in ("bench", "tests"), (
                f"{path.relative_to(ROOT)} imports {found}, which only maintainers have"
            )


def test_only_settings_reads_pulumis_configuration():
    for path in [ROOT / "__main__.py", *modules()]:
        if path.parent.name == "settings":
            continue
        assert "pulumi.Config" not in path.read_text(), (
            f"{path.relative_to(ROOT)} reads Pulumi's configuration: make it a setting in settings/model.py"
        )


def test_the_front_door_has_no_logic():
    tree = ast.parse((ROOT / "__main__.py").read_text())
    loops = [
        node for node in ast.walk(tree) if isinstance(node, (ast.For, ast.While, ast.Lambda, ast.If, ast.Try))
    ]
    # The one loop prints the warnings of the settings.
    assert [type(node).__name__ for node in loops] == ["For"], (
        "__main__.py decides something: move that into the component that it concerns, or into settings"
    )


def test_the_front_door_is_read_in_a_minute():
    lines = (ROOT / "__main__.py").read_text().splitlines()
    assert len(lines) <= 120, (
        f"__main__.py has {len(lines)} lines: what belongs together goes into one group of infra/shapes.py"
    )


def test_the_program_starts_without_what_only_a_delete_needs():
    code = "import infra.hybrid_nodes, sys; sys.exit(not {'boto3', 'kubernetes'}.isdisjoint(sys.modules))"
    command = [sys.executable, "-W", "ignore", "-c", code]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0, (
        "infra.hybrid_nodes imports boto3 or kubernetes, which only a delete needs: import it inside the provider"
    )


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_starts_without_pulumi(module):
    code = f"import {module}, sys; sys.exit(any(name.split('.')[0].startswith('pulumi') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0, (
        f"{module} is pure, and now imports pulumi: keep its arithmetic here and move the resources to a component"
    )
