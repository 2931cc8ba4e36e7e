"""Makes the patterns of the failure table fast: linear in the length of a line, and tried only where they may match."""

import re

_TOKENS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\.\*|\(\?<?[!=]|\(\?:|\{\d*,?\d*\}|.", re.DOTALL)
_SHORTEST = 4


def linear(pattern: str) -> str:
    """Give a pattern that matches the same lines in linear time: `A.*B` looks for B behind the first A only.

    Without this, a line that says A a hundred thousand times and never B is searched to its end for each A.
    """
    return "|".join(_in_order(_split(way, ".*")) for way in _split(pattern, "|"))


def needles(pattern: str) -> tuple[str, ...]:
    """Give words, in lower case, of which each text that the pattern matches has at least one.

    Errors: ValueError (the pattern has a way without four letters in a row, so it would be tried on everything).
    """
    return tuple(dict.fromkeys(word for way in _split(pattern, "|") for word in _needles(way)))


def _in_order(parts: list[str]) -> str:
    if len(parts) == 1:
        return parts[0]
    first, *between, last = parts
    begin = f"^(?>{first[1:]})" if first.startswith("^") else f"^(?>.*?(?:{first}))"
    return begin + "".join(f"(?>.*?(?:{part}))" for part in between) + f".*?(?:{last})"


def _needles(way: str) -> tuple[str, ...]:
    """Give the longest word outside of the groups of a way; else those of the first group that has some."""
    runs, depth, groups, begin = [""], 0, [], 0
    for token in _TOKENS.finditer(way):
        text = token[0]
        if text.startswith("("):
            begin = token.end() if not depth else begin
            depth += 1
            around = text
            if depth == 1:
                kind = around
        elif text == ")":
            depth -= 1
            if not depth and kind in ("(", "(?:") and way[token.end() : token.end() + 1] not in ("?", "*"):
                groups.append(way[begin : token.start()])
        if depth or text == ")":
            runs.append("")
        elif text in "?*" or text.startswith("{"):
            runs[-1] = runs[-1][:-1]
            runs.append("")
        elif re.fullmatch(r"[\w \"':;,/=<>@#%&~!-]|\\[^\w]", text):
            runs[-1] += text.removeprefix("\\").lower()
        else:
            runs.append("")
    longest = max(runs, key=len)
    if len(longest) >= _SHORTEST:
        return (longest,)
    for group in groups:
        try:
            return needles(group)
        except ValueError:
            continue
    raise ValueError(f"no word of {_SHORTEST} letters is in every text that {way!r} matches")


def _split(pattern: str, separator: str) -> list[str]:
    """Split a pattern at what stands outside of its groups and classes."""
    parts, depth, begin = [], 0, 0
    for token in _TOKENS.finditer(pattern):
        depth += token[0].startswith("(") - (token[0] == ")")
        if not depth and token[0] == separator:
            parts.append(pattern[begin : token.start()])
            begin = token.end()
    return [*parts, pattern[begin:]]
