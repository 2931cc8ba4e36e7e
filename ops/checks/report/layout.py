"""What the reports for people share: the console that they are written on, and text that hangs beside its head."""

from __future__ import annotations

from typing import IO

from rich.console import Console
from rich.text import Text


def console_on(file: IO[str], *, color: bool, width: int | None) -> Console:
    """Give a console that prints a report as it is. `width` in columns; None: that of the terminal."""
    return Console(
        file=file,
        width=width,
        no_color=not color,
        force_terminal=True if color else None,
        highlight=False,
        emoji=False,
        markup=False,
    )


def is_ascii(console: Console) -> bool:
    """Tell whether symbols must be ASCII there."""
    return not console.encoding.lower().startswith("utf")


def hang(console: Console, head: Text, text: Text, *, lines: int = 0) -> None:
    """Print `head` and beside it `text`, whose further lines begin below its first one. No trailing blanks.

    `lines`: cut after so many, for what is said in full elsewhere; 0: all.
    """
    indent = head.cell_len
    wrapped = text.wrap(console, max(20, console.width - indent - 4 * bool(lines)), overflow="fold")
    if lines and len(wrapped) > lines:
        wrapped[lines - 1].rstrip()
        wrapped[lines - 1].append(" ...")
        wrapped = wrapped[:lines]
    for line in wrapped:
        line.rstrip()
        whole = head + line
        whole.rstrip()
        console.print(whole, soft_wrap=True)
        head = Text(" " * indent)
