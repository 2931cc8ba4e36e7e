"""One release: the version table has it, and everything else that names it says the same."""

import importlib.metadata
import re
import tomllib
from datetime import date
from pathlib import Path

from typer.testing import CliRunner

from infra.versions import RELEASE
from ops.cli import app

ROOT = Path(__file__).parents[2]
CHANGELOG = ROOT / "CHANGELOG.md"


def test_ops_says_the_release():
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"{RELEASE}\n")


def test_the_package_has_its_version_from_the_table():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert importlib.metadata.version("eks-hybrid-calico") == RELEASE


def test_the_changelog_has_this_release_first_and_a_day_for_each():
    heads = re.findall(r"^## \[(\S+)\](?: - (\S+))?$", CHANGELOG.read_text(encoding="utf-8"), re.MULTILINE)
    assert heads[0][0] == RELEASE
    days = [date.fromisoformat(day) for _, day in heads]
    assert days == sorted(days, reverse=True)
    assert re.fullmatch(r"\d+\.\d+\.\d+", RELEASE)
