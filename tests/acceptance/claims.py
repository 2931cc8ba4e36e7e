"""What README.md says of a stack (claims.yaml), and what a run says of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import yaml


class Verdict(StrEnum):
    """What a run says of a claim."""

    PROVED = "proved"
    REFUTED = "not true here"
    OPEN = "not shown"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A sentence of the README; the steps that must pass for it, and the checks that must pass whenever they ran."""

    text: str
    steps: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()


_FILE = Path(__file__).with_suffix(".yaml")
CLAIMS = tuple(
    Claim(text=row["text"], steps=tuple(row.get("steps", ())), checks=tuple(row.get("checks", ())))
    for row in yaml.safe_load(_FILE.read_text(encoding="utf-8"))
)
ARTICLE_CHECKS = tuple(check for claim in CLAIMS if "article" in claim.steps for check in claim.checks)


def verdict(
    claim: Claim, steps: Mapping[str, bool | None], checks: Mapping[str, Sequence[str]]
) -> tuple[Verdict, str]:
    """Judge a claim, and say what kept it from being proved.

    Args:
        claim: the claim.
        steps: by id of a step, whether it passed; None when it was stopped. A step that was not taken is not there.
        checks: by id of a check, its status in each run of `ops verify`.

    """
    failed = [step for step in claim.steps if steps.get(step) is False]
    failed += [check for check in claim.checks if "fail" in checks.get(check, ())]
    if failed:
        return Verdict.REFUTED, ", ".join(failed)
    missing = [step for step in claim.steps if steps.get(step) is None]
    # A warning is a pass that somebody should know of; what was skipped or blocked shows nothing.
    missing += [
        check
        for check in claim.checks
        if not checks.get(check) or not {"pass", "warn"}.issuperset(checks[check])
    ]
    return (Verdict.OPEN, ", ".join(missing)) if missing else (Verdict.PROVED, "")
