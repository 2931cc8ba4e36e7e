"""The files around the program: README, locks, Makefile, shell scripts."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/*.md"))
BASH = shutil.which("bash") or "bash"
SHELLCHECK = (
    shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}") or "shellcheck"
)


def tracked(pattern):
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: the list of tracked files is git's")
    out = subprocess.run(["git", "ls-files", "-z", "--", pattern], cwd=ROOT, check=True, capture_output=True)
    return [ROOT / name for name in out.stdout.decode().split("\0") if name]


def test_the_readme_is_read_in_two_minutes_and_has_the_limits_before_the_deploy_command():
    text = (ROOT / "README.md").read_text()
    assert len(text.split()) <= 1800
    assert text.index("## Before you deploy") < text.index("make up   ")
    samples = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    assert len(samples) == 1
    assert len(samples[0].splitlines()) <= 12


def test_every_make_command_that_the_readme_names_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z-]+)", (ROOT / "README.md").read_text()))
    assert {"plan", "test", "ready", "up", "down", "verify", "doctor"} <= named
    assert named - {"and"} <= targets


def test_a_file_that_a_text_names_exists():
    rooms = "bench|docs|infra|k8s|ops|settings|tests|userdata"
    named = re.compile(rf"(?<![\w/.:-])(?:{rooms})/[\w./-]+\.(?:bash|json|md|py|service|sh|yaml)\b")
    lost = {
        f"{path.relative_to(ROOT)}: {name}"
        for pattern in ("*.bash", "*.md", "*.py", "*.sh", "*.yaml")
        for path in tracked(pattern)
        for name in named.findall(path.read_text())
        # What tests call by its place among the tests.
        if path.name != "CHANGELOG.md" and not (ROOT / name).exists() and not (ROOT / "tests" / name).exists()
    }
    assert not lost, sorted(lost)


@pytest.mark.parametrize("name", ["README.md", "Pulumi.README.md", "CONTRIBUTING.md", *PAGES])
def test_what_make_has_a_target_for_is_written_with_make(name):
    """Pulumi's commands stand for all else, `pulumi up --replace` among it; ops stands for what has no target."""
    text = (ROOT / name).read_text()
    targets = "|".join(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    blocks = "".join(re.findall(r"```(?:sh)?\n(.*?)```", text, re.DOTALL))
    assert re.findall(rf"\.venv/bin/ops (?:{targets})\b.*", text) == []
    assert re.findall(r"^ *pulumi (?:up|destroy|preview)\b(?! --).*", blocks, re.MULTILINE) == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", *PAGES])
def test_every_link_to_this_repository_leads_somewhere(name):
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / name).read_text())
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (ROOT / name).parent.joinpath(link).exists()] == []


def test_shell_scripts_are_clean():
    scripts = [
        *tracked("*.sh"),
        *tracked(".ci/run"),
        *tracked(".ci/pips"),
        *tracked(".ci/install-*"),
        *tracked(".github/propose-versions"),
    ]
    assert len(scripts) >= 4
    done = subprocess.run([SHELLCHECK, *scripts], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
