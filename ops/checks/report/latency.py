"""The from/to table of round-trip times."""

from collections.abc import Iterator

from rich.text import Text

from ops.checks.model import Matrix

_CELL = 7


def lines(matrix: Matrix, *, width: int) -> Iterator[Text]:
    """Render the table. Columns are numbered like the rows, and continue below when `width` is too small."""
    label_width = max(len(name) for name in matrix.nodes)
    head = label_width + 5
    columns = max(1, (width - head - 4) // _CELL)
    numbered = list(enumerate(matrix.nodes, start=1))
    yield Text("round trip in ms, from the row's node to the column's", style="dim")
    for start in range(0, len(numbered), columns):
        part = numbered[start : start + columns]
        yield Text(" " * head + "".join(f"{number:>{_CELL}}" for number, _ in part), style="dim")
        for number, source in numbered:
            line = Text(f"{number:>3}  {source:<{label_width}}")
            for _, target in part:
                line.append_text(_cell(matrix, source, target))
            yield line


def _cell(matrix: Matrix, source: str, target: str) -> Text:
    if source == target:
        return Text(f"{'.':>{_CELL}}", style="dim")
    if (source, target) not in matrix.rtt_ms:
        return Text(f"{'?':>{_CELL}}", style="yellow")
    rtt, loss = matrix.rtt_ms[source, target], matrix.loss_percent[source, target]
    if rtt is None:
        return Text(f"{'lost':>{_CELL}}", style="bold red")
    return Text(f"{_short(rtt):>{_CELL}}", style="yellow" if loss else "")


def _short(rtt_ms: float) -> str:
    return f"{rtt_ms:.2f}" if rtt_ms < 100 else f"{rtt_ms:.0f}"
