"""The weekly look for newer releases, against a stand-in for GitHub: what is newer is written, and nothing else."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RELEASES = {
    "projectcalico/calico": "v3.33.1 v3.32.4 v3.32.10 v3.32.1 v3.31.7 v3.30.9 operator-1.2",
    "aws/eks-hybrid": "v1.0.20 v1.0.21 v1.1.0-beta",
    "nicolaka/netshoot": "v0.14 v0.16 v0.15",
    "hashicorp/http-echo": "v1.0.0",
    "coredns/coredns": "v1.14.2",
    "kubernetes-sigs/metrics-server": "v0.8.1 v0.9.0 metrics-server-helm-chart-3.13.0",
    "kubernetes/kubernetes": "v1.37.9 v1.36.12 v1.36.3 v1.36.13-rc.0 v1.35.20",
}
GH = """#!/usr/bin/env bash
case "$3" in
{cases}
*) exit 1 ;;
esac | tr ' ' '\n'
"""


@pytest.fixture
def run(tmp_path):
    """Run the script in a folder that has the table, stand-ins for gh, make and ops; gives (output, table, calls)."""
    checkout, tools = tmp_path / "it", tmp_path / "tools"
    for folder in (checkout / ".github", checkout / "infra", checkout / ".venv/bin", tools):
        folder.mkdir(parents=True)
    shutil.copy(ROOT / ".github/propose-versions", checkout / ".github")
    shutil.copy(ROOT / "infra/versions.py", checkout / "infra")
    kubernetes = checkout / ".ci/kubernetes/1.36"
    kubernetes.mkdir(parents=True)
    (kubernetes / "go.mod").write_text(
        "require (\n\tk8s.io/kubernetes v1.36.3\n)\nreplace (\n\tk8s.io/api => k8s.io/api v0.36.3\n)\n"
    )
    (checkout / "requirements.txt").write_text("pulumi==3.999.0 \\\n    --hash=x\npulumi-aws==7.0.0 \\\n")
    cases = "\n".join(f"repos/{name}/releases) echo {tags} ;;" for name, tags in RELEASES.items())
    programs = {
        tools / "gh": GH.replace("{cases}", cases),
        tools / "make": f'#!/bin/sh\necho "make $*" >>{tmp_path}/calls\n',
        tools / "git": f'#!/bin/sh\necho "git $*" >>{tmp_path}/calls\n',
        tools / "go": f'#!/bin/sh\necho "go $* in $(basename "$PWD")" >>{tmp_path}/calls\n',
        checkout / ".venv/bin/ops": f'#!/bin/sh\necho "ops $*" >>{tmp_path}/calls\n[ "$3" != 3.33.1 ]\n',
    }
    for path, text in programs.items():
        path.write_text(text)
        path.chmod(0o755)

    def go():
        done = subprocess.run(
            [checkout / ".github/propose-versions"],
            env={"PATH": f"{tools}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout, (checkout / "infra/versions.py").read_text(), (tmp_path / "calls").read_text()

    return go


def test_newer_releases_of_each_line_are_pinned_and_older_ones_are_not(run):
    said, _, calls = run()
    pinned = [line for line in calls.splitlines() if line.startswith("ops ")]
    assert pinned == [
        "ops pin calico 3.33.1 --write",
        "ops pin calico 3.32.10 --write",
        "ops pin nodeadm v1.0.21 --write",
    ]
    assert "## Calico 3.32.10" in said
    assert "make --silent lock" in calls


def test_one_release_that_is_refused_does_not_stop_the_others(run):
    said, _, _ = run()
    assert said.index("## Calico 3.33.1") < said.index("## nodeadm v1.0.21")


def test_a_newer_image_is_written_and_the_newest_is_left(run):
    said, table, _ = run()
    assert '"ghcr.io/nicolaka/netshoot:v0.16"' in table
    assert '"docker.io/hashicorp/http-echo:1.0.0"' in table
    assert "## ghcr.io/nicolaka/netshoot:v0.16" in said
    assert "http-echo" not in said


def test_images_of_kubernetes_own_projects_are_renewed_and_a_helm_chart_is_no_release_of_them(run):
    said, table, _ = run()
    assert '"registry.k8s.io/metrics-server/metrics-server:v0.9.0"' in table
    assert "coredns" not in said


def test_the_kubernetes_of_the_tests_stays_in_its_minor(run, tmp_path):
    said, _, calls = run()
    module = (tmp_path / "it/.ci/kubernetes/1.36/go.mod").read_text()
    assert "k8s.io/kubernetes v1.36.12\n" in module
    assert "k8s.io/api => k8s.io/api v0.36.12\n" in module
    assert "go mod tidy in 1.36" in calls
    assert "## Kubernetes 1.36.12 for the tests" in said


def test_the_cli_follows_the_sdk_of_the_lock(run, tmp_path):
    run()
    assert (tmp_path / "it/.ci/pulumi-version").read_text() == "3.999.0\n"
