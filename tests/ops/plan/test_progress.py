"""`ops plan` takes seconds: a person sees that it works, a pipe sees nothing of it."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "ops", "plan", "--stack", "nosuch"]
PROGRESS = "Evaluating the program for stack nosuch ..."


def test_a_terminal_shows_what_takes_its_time():
    try:
        leader, follower = pty.openpty()
    except OSError as error:
        pytest.skip(f"this machine gives no pseudo-terminal: {error}")
    with subprocess.Popen(
        COMMAND, cwd=ROOT, stdout=subprocess.PIPE, stderr=follower, env=terminal()
    ) as process:
        os.close(follower)
        seen = b"".join(iter(lambda: _read(leader), b""))
        assert process.communicate() == (b"", None)
    os.close(leader)
    assert PROGRESS in seen.decode()
    assert "nosuch" in seen.decode().split(PROGRESS)[-1], "the error comes after it"
    assert process.returncode == 2


def test_a_pipe_gets_only_the_answer_even_where_colours_are_wanted():
    environment = {**terminal(), "FORCE_COLOR": "1"}
    done = subprocess.run(COMMAND, cwd=ROOT, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "nosuch" in done.stderr
    assert PROGRESS not in done.stderr
    assert "\x1b" not in done.stderr


def terminal():
    return {**os.environ, "TERM": "xterm", "COLUMNS": "100"}


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 65536)
    except OSError:  # Linux says EIO once the other side is closed.
        return b""
