"""The folder of a run. What goes into it passes the redactor of doctor's bundle; only its owner can read it."""

import json
from collections.abc import Sequence
from pathlib import Path

from ops.clients.redaction import Redactor


class Folder:
    """A new folder.

    Raises:
        OSError: it cannot be made, or is there already.

    """

    def __init__(self, path: Path, *, secrets: Sequence[str] = ()) -> None:
        self.path, self._redactor = path, Redactor(secrets)
        path.mkdir(mode=0o700, parents=True)

    def redacted(self, text: str) -> str:
        """Give the text without secrets."""
        return self._redactor.text(text)

    def step(self, id_: str, texts: Sequence[str]) -> None:
        """Keep the output of a step: each text is JSON, or plain."""
        kept = "\n".join(self._one(text) for text in texts if text.strip())
        self.write(f"{id_}.txt", kept + "\n")

    def _one(self, text: str) -> str:
        # In JSON text a removal could take a quotation mark along, so data is redacted as data.
        if text.lstrip().startswith(("{", "[")):
            try:
                return json.dumps(self._redactor.data(json.loads(text)), indent=2)
            except ValueError:
                pass
        return self._redactor.text(text)

    def write(self, name: str, text: str) -> None:
        """Write a file that is free of secrets already."""
        (self.path / name).write_text(text, encoding="utf-8")
