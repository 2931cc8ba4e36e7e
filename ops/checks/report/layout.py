"""What the reports for people share: the console that they are written on, and text that hangs beside its head."""

import os
from typing import IO

from rich.console import Console
from rich.text import Text

# Of what is no terminal: nothing is wrapped in a file or a pipe.
_NO_LIMIT = 10_000


def columns(file: IO[str]) -> int | None:
    """Give the width for a file that is no terminal and that nobody gave one (COLUMNS); None: that of the terminal."""
    return None if file.isatty() or "COLUMNS" in os.environ else _NO_LIMIT


def console_on(file: IO[str], *, color: bool, width: int | None) -> Console:
    """Give a console that prints a report as it is. `width` in columns; None: that of the terminal, if it is one."""
    return Console(
        file=file,
        width=width or columns(file),
        no_color=not color,
        force_terminal=True if color else None,
        highlight=False,
        emoji=False,
        markup=False,
    )


def is_ascii(console: Console) -> bool:
    """Tell whether symbols must be ASCII there."""
    return not console.encoding.lower().startswith("utf")


def hang(console: Console, head: Text, text: Text, *, lines: int = 0, whole: bool = False) -> None:
    """Print `head` and beside it `text`, whose further lines begin below its first one. No trailing blanks.

    `lines`: cut after so many, for what is said in full elsewhere; 0: all. `whole`: a new line between commands
    only, for what people copy.
    """
    if whole:
        parts = text.plain.split("; ")
        wrapped = [Text(f"{part};", style=text.style) for part in parts[:-1]]
        wrapped.append(Text(parts[-1], style=text.style))
    else:
        room = max(20, console.width - head.cell_len - 4 * bool(lines))
        wrapped = list(text.wrap(console, room, overflow="fold"))
    if lines and len(wrapped) > lines:
        wrapped[lines - 1].rstrip()
        wrapped[lines - 1].append(" ...")
        wrapped = wrapped[:lines]
    indent = " " * head.cell_len
    for line in wrapped:
        line.rstrip()
        printed = head + line
        printed.rstrip()
        console.print(printed, soft_wrap=True)
        head = Text(indent)
