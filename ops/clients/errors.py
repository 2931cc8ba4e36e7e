"""What a client says when a question could not be put: seen, why, fix."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong: what was seen, why that happens, and what fixes it."""

    seen: str
    why: str
    fix: str


class AskError(Exception):
    """The question could not be put: says what was tried, what came back, and what to do about it."""

    def __init__(self, seen: str, *, why: str, fix: str) -> None:
        super().__init__(seen)
        self.problem = Problem(seen=seen, why=why, fix=fix)


class NotAllowedError(AskError):
    """The service answered that these credentials may not ask."""
