"""`ops plan` takes seconds: a person sees that it works, a pipe sees nothing of it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "ops", "plan", "--stack", "nosuch"]
PROGRESS = "Evaluating the program for stack nosuch ..."


def test_a_terminal_shows_what_takes_its_time(on_terminal):
    done = on_terminal(COMMAND, "stderr", cwd=ROOT, env=terminal())
    assert PROGRESS in done.shown
    assert "nosuch" in done.shown.split(PROGRESS)[-1], "the error comes after it"
    assert (done.code, done.piped) == (2, "")


def test_a_pipe_gets_only_the_answer_even_where_colours_are_wanted():
    environment = {**terminal(), "FORCE_COLOR": "1"}
    done = subprocess.run(COMMAND, cwd=ROOT, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "nosuch" in done.stderr
    assert PROGRESS not in done.stderr
    assert "\x1b" not in done.stderr


def terminal():
    return {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
