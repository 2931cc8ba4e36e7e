"""The words of a diagnosis: what was looked at, what seemed wrong there, and what could not be seen.

A `Symptom` is what the failure table is matched against; a `Line` is what a reader is shown of the same look.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class Place(StrEnum):
    """Where a symptom was seen; a row of the failure table may count in some places only."""

    STATE = "state"
    TEXT = "text"
    INSTANCE = "instance"
    CONSOLE = "console"
    JOIN = "join"
    ACTIVATION = "activation"
    REGISTRATION = "registration"
    ACCESS = "access entry"
    CONTROL_PLANE = "control plane"
    NODE_GROUP = "node group"
    ADD_ON = "add-on"
    NODE = "node"
    EVENT = "event"
    POD = "pod"
    LOG = "log"
    TARGET = "target"


@dataclass(frozen=True, kw_only=True)
class Symptom:
    """Something that is not as it should be.

    Args:
        place: where it was seen.
        subject: what it is about, for a reader.
        statements: what was said, one line or one error each.
        name: the hybrid node it is about, where it is about one.
        around: what else was said before, for what only two statements together prove.
        error: the one statement that ended it all. What it proves is believed before all others.
        quotes: the statements to show where no row of the failure table knows them.
        otherwise: the statements to show where no row knows any of this symptom.

    """

    place: Place
    subject: str
    statements: tuple[str, ...]
    name: str = ""
    around: tuple[str, ...] = ()
    error: str = ""
    quotes: tuple[str, ...] = ()
    otherwise: tuple[str, ...] = ()


class State(StrEnum):
    """How something looks."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"
    NOTE = "note"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing that was looked at. `details`: further facts about it, shown when it is not good."""

    state: State
    subject: str
    text: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A question that could not be put: what came back, why, and what to do about it."""

    what: str
    seen: str
    why: str
    fix: str


@dataclass(frozen=True, kw_only=True)
class Tail:
    """The last lines of a console or a log, for a reader who wants to see for themselves."""

    subject: str
    lines: tuple[str, ...]


@dataclass
class Section:
    """What one look brings, collected while it looks."""

    title: str
    lines: list[Line] = field(default_factory=list)
    symptoms: list[Symptom] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    tails: list[Tail] = field(default_factory=list)

    def good(self, subject: str, text: str) -> None:
        """Note something that is as it should be."""
        self.lines.append(Line(state=State.GOOD, subject=subject, text=text))

    def note(self, subject: str, text: str) -> None:
        """Note something that is neither good nor bad."""
        self.lines.append(Line(state=State.NOTE, subject=subject, text=text))

    def bad(self, place: Place, subject: str, text: str, *, name: str = "") -> None:
        """Note something wrong: a line for the reader and a symptom for the failure table."""
        self.lines.append(Line(state=State.BAD, subject=subject, text=text))
        self.symptom(place, subject, text, name=name)

    def symptom(self, place: Place, subject: str, text: str, *, name: str = "") -> None:
        """Note a symptom that has no line of its own."""
        self.symptoms.append(
            Symptom(place=place, subject=subject, statements=(text,), quotes=(text,), name=name)
        )

    def gap(self, gap: Gap) -> None:
        """Note that something could not be seen."""
        self.gaps.append(gap)
        self.lines.append(Line(state=State.UNKNOWN, subject=gap.what, text="could not look"))
