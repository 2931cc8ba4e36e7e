"""The other commands of `ops`, asked as a user asks them: by their command line, with an answer in JSON."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.stopping import Stopper

PROJECT = Path(__file__).resolve().parents[2]
PROGRAM: Sequence[str] = (sys.executable, "-m", "ops")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a command said. `document` is empty where it wrote no JSON; `errors` is its standard error."""

    code: int
    document: dict[str, Any]
    output: str
    errors: str

    @property
    def statuses(self) -> dict[str, str]:
        """The status of each check, by its id."""
        return {each["id"]: each["status"] for each in self.document.get("checks", ())}

    @property
    def problems(self) -> list[str]:
        """What is wrong, each with the way to fix it, as lines for people; what only follows from it is left out."""
        found = [
            f"{each['id']}: {one['seen']}\n  why  {one['why']}\n  fix  {one['fix']}"
            for each in self.document.get("checks", ())
            if each["status"] in ("fail", "error")
            for one in each["problems"] or [{"seen": each["summary"], "why": "-", "fix": "-"}]
        ]
        return found or [self.errors.strip() or f"it ended with exit code {self.code}"]


class Ops:
    """Runs commands of `ops` in the project's folder."""

    def __init__(self, *, folder: Path, stopper: Stopper, program: Sequence[str]) -> None:
        self._folder, self._stopper, self._program = folder, stopper, program

    def ask(self, *arguments: str) -> Answer:
        """Run a command.

        Raises:
            Stopped: the run is to end.

        """
        done = self._stopper.run(
            [*self._program, *arguments], cwd=str(self._folder), environment={**os.environ, "NO_COLOR": "1"}
        )
        try:
            document = json.loads(done.stdout)
        except ValueError:
            document = {}
        return Answer(
            code=done.code,
            document=document if isinstance(document, dict) else {},
            output=done.stdout,
            errors=done.stderr,
        )
