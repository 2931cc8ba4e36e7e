"""What texts tell people to run exists: commands of ops with their options, and the causes that clients name."""

import ast
import json
import re
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from ops.causes import CAUSES, ROWS
from ops.checks.model import select
from ops.cli import app
from ops.verify.catalogue import CHECKS as VERIFY

ROOT = Path(__file__).parents[2]
ROOMS = ("infra", "k8s", "userdata", "settings", "ops", "bench")
COMMANDS = dict(vars(typer.main.get_command(app))["commands"])
# A command and what follows it, as far as it can be the same command.
_ADVICE = re.compile(rf"\bops ({'|'.join(COMMANDS)})\b([^;|&`()\n]*)")
_OPTION = re.compile(r"(?<![\w-])(--?[a-z][a-z-]*)")


def options_of(command):
    parts = [command, *getattr(command, "commands", {}).values()]
    return {"--help"} | {
        name for part in parts for option in part.params for name in (*option.opts, *option.secondary_opts)
    }


def strings(path):
    """Give the texts of a module, with X where a value is put in."""
    tree = ast.parse(path.read_text())
    inside = {
        id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.value


def leaves(value):
    if isinstance(value, str):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from leaves(item)


def texts():
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield from ((path, text) for text in strings(path))
        for path in sorted((ROOT / room).rglob("*.yaml")):
            yield from ((path, text) for text in leaves(yaml.safe_load(path.read_text())))
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")):
        yield path, path.read_text()


def advised():
    return [
        (path, match[1], option)
        for path, text in texts()
        for match in _ADVICE.finditer(re.sub(r"\s*\n\s+(?=\S)", " ", text) if path.suffix != ".md" else text)
        for option in _OPTION.findall(re.sub(r"'[^']*'|, .*", "", match[2]))
    ]


def test_each_option_that_a_text_advises_exists_in_its_command():
    found = advised()
    assert len(found) > 60
    assert [one for one in found if one[2] not in options_of(COMMANDS[one[1]])] == []


def test_an_option_of_another_command_would_be_seen():
    assert "--profile" in options_of(COMMANDS["verify"])
    assert "--profile" not in options_of(COMMANDS["ready"])
    assert ("doctor", "--from") in {(command, option) for _, command, option in advised()}


def test_no_text_names_a_pattern_that_means_two_nodes():
    patterns = {
        re.sub(r"X|rack-\d", "NAME", pattern)
        for _, text in texts()
        for pattern in re.findall(r"--(?:replace|target)(?:-dependents)? '(\*[^']*)'", text)
    }
    # No node's name has a dot, so that of an activation with its generation means one; one's own have no generation.
    assert patterns == {
        "**:Activation::NAME.*",
        "**:Activation::NAME",
        "**aws:eks/nodeGroup:NodeGroup::managed",
    }


def test_checks_that_a_text_names_exist():
    wanted = {
        found.replace("\\", "")
        for _, text in texts()
        for found in re.findall(r"ops verify --only '?([^'\s;]+)", text)
    }
    assert len(wanted) > 8
    for name in {name for names in wanted for name in names.split("|") if "(" not in names} | wanted:
        assert select(VERIFY, only=name, skip=None), name


def test_settings_that_a_text_names_exist():
    projects = (ROOT / "Pulumi.yaml", *(ROOT / "examples").glob("*/Pulumi.yaml"))
    schema = {name for path in projects for name in yaml.safe_load(path.read_text())["config"]}
    pattern = (
        r"pulumi config (?:set|rm) (?:--path |--plaintext |--secret )?'?(?!aws:|(?:X|NAME)\b)([A-Za-z0-9]+)"
    )
    wanted = {found for _, text in texts() for found in re.findall(pattern, text)}
    assert len(wanted) > 15
    assert wanted <= schema


def test_a_short_option_means_the_same_in_every_command():
    meanings = {}
    for command in COMMANDS.values():
        for part in (command, *getattr(command, "commands", {}).values()):
            for option in part.params:
                for short in (name for name in option.opts if re.fullmatch(r"-\w", name)):
                    meanings.setdefault(short, set()).update(name for name in option.opts if name != short)
    assert meanings["-o"] == {"--format"}
    assert meanings["-s"] == {"--stack"}
    assert all(len(names) == 1 for names in meanings.values()), meanings


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", "--outputs", "/nowhere"],
        ["doctor", "--from", "/nowhere"],
        ["plan", "--stack", "nosuch"],
        ["plan", "--config", "podCdir=1"],
    ],
    ids=lambda arguments: " ".join(arguments),
)
def test_what_could_not_run_says_so_to_programs_too(arguments):
    done = CliRunner().invoke(app, [*arguments, "-o", "json"])
    assert done.exit_code == 2
    said = json.loads(done.stdout)
    assert (said["schema"], said["command"]) == (1, arguments[0])
    assert (said["verdict"], said["exitCode"]) == ("could not run", 2)
    assert said["problems"][0]["seen"]


def codes():
    for path in sorted((ROOT / "ops").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and any(word.arg in ("code", "missing") for word in node.keywords):
                for word in node.keywords:
                    for part in ast.walk(word.value) if word.arg in ("code", "missing") else ():
                        if isinstance(part, ast.Constant) and isinstance(part.value, str):
                            yield part.value
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "cause":
                yield from (part.value for part in ast.walk(node.args[0]) if isinstance(part, ast.Constant))
            elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "code":
                yield from (
                    part.value
                    for part in ast.walk(node.value)
                    if isinstance(part, ast.Constant) and isinstance(part.value, str) and "-" in part.value
                )


def test_clients_name_causes_that_are_there_and_each_row_without_a_text_is_named():
    named = {code for code in codes() if re.fullmatch(r"[a-z]+(-[a-z]+)+", code)}
    assert {row["id"] for row in ROWS if "match" not in row} <= named <= CAUSES.keys()


@pytest.mark.parametrize("room", ["clients", "checks", "program"])
def test_a_shared_room_speaks_for_no_command(room):
    for path in sorted((ROOT / "ops" / room).rglob("*.py")):
        documentation = {
            ast.get_docstring(node, clean=False)
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        }
        for text in set(strings(path)) - documentation:
            assert not re.search(rf"\bops (?:{'|'.join(COMMANDS)})\b", text), (path, text)
