"""A run of `ops acceptance` as a program of its own, for the tests: with stand-ins for the commands that ask AWS.

Usage: python -m tests.engine.acceptance_run PROJECT FOLDER [--upgrade] [--keep]. Its exit code is the run's.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ops.acceptance.command import settings_of
from ops.acceptance.run import Wish, run


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - it is a program


def _main(project: str, folder: str, *options: str) -> int:
    settings = [option.removeprefix("--config=") for option in options if option.startswith("--config=")]
    return run(
        Wish(
            settings={**settings_of(settings), "aws:region": "eu-central-1"},
            upgrade="--upgrade" in options,
            keep="--keep" in options,
            limit_s=600,
            folder=Path(folder),
        ),
        say=_say,
        agreed=lambda: True,
        project=Path(project),
        program=(sys.executable, str(Path(__file__).with_name("acceptance_ops.py"))),
        pause_s=0,
    )


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
