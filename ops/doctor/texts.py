"""Opens the texts of `--from`: plain, compressed, or a support bundle. What is no text is refused, not explained."""

import gzip
import io
import re
import sys
import tarfile
import time
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from ops.clients.errors import AskError

MEBIBYTE = 1 << 20
# Twice what a day of a console, a journal and a pipeline together has been seen to be; a minute's work.
LIMIT_MIB = 256
# Above this only the lines of a text are read that may tell something, and at most so many of them.
LONG = 2 * MEBIBYTE
MOST_LINES = 20_000
LONGEST_LINE = 16_000
_AT_ONCE = 1024
_DIGITS = re.compile(r"\d+")
# What explains a bundle best: its machines' own words. The report that is in it was made from them.
_OF_A_BUNDLE = ("/console/", "/log/")


def read(name: str) -> list[tuple[str, str]]:
    """Give the texts of a file (`-` is standard input), each with its title.

    Errors: AskError (it cannot be read, is empty, larger than the limit, or no text).
    """
    title = "standard input" if name == "-" else Path(name).name
    try:
        if name == "-":
            raw = sys.stdin.buffer.read(LIMIT_MIB * MEBIBYTE + 1)
        else:
            with Path(name).open("rb") as file:
                raw = file.read(LIMIT_MIB * MEBIBYTE + 1)
        parts = list(_parts(title, raw))
    except (EOFError, gzip.BadGzipFile, tarfile.TarError, zlib.error) as error:
        raise _refusal(name, f"not a text: {error}", "the archive is cut off or damaged") from None
    except OSError as error:
        raise _refusal(name, error.strerror or str(error), "the text cannot be read") from None
    if sum(len(part) for _, part in parts) > LIMIT_MIB * MEBIBYTE:
        raise _refusal(
            name,
            f"larger than {LIMIT_MIB} MiB",
            "so much is not read; what matters stands at the end, e.g. tail --bytes 50M FILE | ops doctor --from -",
        )
    texts = [(title, _text(name, part)) for title, part in parts]
    if not any(text.strip() for _, text in texts):
        raise _refusal(name, "it is empty", "there is nothing to explain in it")
    return texts


def _parts(title: str, raw: bytes) -> Iterator[tuple[str, bytes]]:
    """Open what is compressed; of a support bundle give the consoles and logs."""
    if not raw.startswith(b"\x1f\x8b"):
        yield title, raw
        return
    # A little that was compressed may be much: no more is unpacked than may be read.
    with gzip.GzipFile(fileobj=io.BytesIO(raw)) as packed:
        raw = packed.read(LIMIT_MIB * MEBIBYTE + 1)
    if raw[257:262] != b"ustar":
        yield title, raw
        return
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        for member in archive:
            file = archive.extractfile(member) if any(part in member.name for part in _OF_A_BUNDLE) else None
            if file:
                yield f"{title}: {member.name.partition('/')[2]}", file.read()


def _text(name: str, raw: bytes) -> str:
    wide = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
    if b"\0" in raw and not wide:
        raise _refusal(name, "not a text: it has NUL bytes", "a program's data says nothing to doctor")
    text = raw.decode("utf-16" if wide else "utf-8", "replace")
    # A console that was cut in the middle of a letter, or a log in another encoding, has some; data has many.
    if text.count("\ufffd") > len(text) // 20:
        raise _refusal(name, "not a text: it is neither UTF-8 nor UTF-16", "its letters cannot be read")
    return text


def _refusal(name: str, seen: str, why: str) -> AskError:
    return AskError(f"--from {name}: {seen}", code="text-refused", REASON=why)


def shortened(text: str, telling: Sequence[str]) -> str:
    """Give of a long text the lines that may tell something: those with one of some words, in lower case.

    What is said again, with another time or number each, stands once; of what is left the last lines count. A line
    each second on standard error says how far this is.
    """
    if len(text) <= LONG:
        return text
    kept: deque[str] = deque(maxlen=MOST_LINES)
    seen: set[str] = set()
    lines = text.splitlines()
    last = time.monotonic()
    for begin in range(0, len(lines), _AT_ONCE):
        if time.monotonic() - last >= 1:
            last = time.monotonic()
            sys.stderr.write(f"ops doctor: {begin:,} of {len(lines):,} lines\n")
        part = [line[:LONGEST_LINE] for line in lines[begin : begin + _AT_ONCE]]
        whole = "\n".join(part).lower()
        here = [word for word in telling if word in whole]
        for line in part if here else ():
            low = line.lower()
            if not any(word in low for word in here):
                continue
            said = _DIGITS.sub("0", low)
            # The steps of a join count in their order, also when they come again.
            if said not in seen or " join: " in low:
                seen.add(said)
                kept.append(line)
    return "\n".join(kept)
