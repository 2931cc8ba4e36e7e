"""The console of a machine: cleaned, and read for where the join script got to."""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ops.doctor import console

JOIN = Path(__file__).parents[3] / "userdata" / "join.sh"


def _run(root: Path, tools: Path) -> str:
    environment = {
        "EKS_HYBRID_ROOT": str(root),
        "EKS_HYBRID_RETRY_SECONDS": "0",
        "PATH": f"{tools}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", str(JOIN)], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    return done.stdout


def _tool(folder: Path, name: str, script: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_the_real_join_script_is_read_when_it_fails(tmp_path: Path) -> None:
    _tool(tmp_path / "tools", "journalctl", "exit 0")
    join = console.read(_run(tmp_path / "root", tmp_path / "tools"))
    assert join.state == "failed"
    assert join.step == "0/7"
    assert "join.env" in join.text
    assert join.at is not None
    assert abs((datetime.now(UTC) - join.at).total_seconds()) < 600


def test_the_real_join_script_is_read_when_it_is_done(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc/nodeadm").mkdir(parents=True)
    (root / "etc/nodeadm/join.env").write_text("OS=al2023\nCLUSTER_NAME=eks-hybrid\n")
    (root / "etc/nodeadm/nodeConfig.yaml").write_text("kind: NodeConfig\n")
    (root / "var/lib/kubelet").mkdir(parents=True)
    (root / "var/lib/kubelet/kubeconfig").write_text("there\n")
    _tool(root / "usr/local/bin", "kubectl", "echo node/mi-0123456789abcdef0")
    _tool(tmp_path / "tools", "systemctl", "exit 0")
    join = console.read(_run(root, tmp_path / "tools"))
    assert (join.state, join.step) == ("done", "1/7 look whether this machine has joined")
    assert join.text == "this machine has already joined, nothing to do"


def test_a_script_without_a_last_word_is_still_in_its_last_step(make: Any) -> None:
    join = console.read(make.joined.partition("2026-11-23T15:02:31Z join: step 6/7")[0])
    assert (join.state, join.step) == ("running", "5/7 clear the CNI configuration")
    assert join.at == datetime(2026, 11, 23, 15, 2, 31, tzinfo=UTC)


def test_the_last_run_counts_when_the_script_ran_twice(make: Any) -> None:
    twice = make.too_old_console + make.joined
    assert console.read(twice).state == "done"
    unfinished = make.too_old_console + make.joined.partition("2026-11-23T15:02:31Z join: step 6/7")[0]
    assert "No matching signature" not in " ".join(console.read(unfinished).statements)


def test_a_kernel_line_on_the_same_line_does_not_hide_a_step() -> None:
    text = "[  31.4] IPv6: eth0: link becomes ready2026-11-23T15:01:02Z join: step 2/7 download nodeadm\n"
    assert console.read(text).step == "2/7 download nodeadm"


def test_a_time_that_is_none_is_left_out() -> None:
    join = console.read("2026-99-99T99:99:99Z join: step 2/7 download nodeadm\n")
    assert (join.step, join.at) == ("2/7 download nodeadm", None)


def test_a_console_without_the_script_is_absent() -> None:
    assert console.read("[    0.0] Linux version 6.14\nlogin: ").state == "absent"
    assert console.read("").state == "absent"


def test_only_the_last_of_several_attempts_counts() -> None:
    text = "2026-11-23T15:00:00Z join: step 6/7 join the cluster\n" + "".join(
        f"error {number}\n2026-11-23T15:0{number}:00Z join: nodeadm init: attempt {number} of 3 failed with code 1\n"
        for number in (1, 2, 3)
    )
    recent = " ".join(console.read(f"{text}the end\n").statements)
    assert "error 3" in recent
    assert "the end" in recent
    assert "error 2" not in recent


def test_control_sequences_do_not_reach_the_terminal() -> None:
    dirty = "\x1b[0;32m  OK  \x1b[0m\x1b]0;title\x07\x9b31mred\x00\u202e evil\r\nnext\rlast\ttab"
    assert console.clean(dirty) == "  OK  31mred evil\nnext\nlast\ttab"


@given(st.text())
def test_cleaning_and_reading_take_any_text(text: str) -> None:
    cleaned = console.clean(text)
    assert "\x1b" not in cleaned
    assert console.clean(cleaned) == cleaned
    assert console.read(cleaned).state in {"absent", "running", "done", "failed"}
    assert len(console.tail(cleaned, 3)) <= 3
