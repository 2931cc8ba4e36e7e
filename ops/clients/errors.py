"""What a client says when a question could not be put: what came back, and the code of its cause."""


class AskError(Exception):
    """The question could not be put.

    `seen` is what was tried and what came back. `code` is the id of a row of ops/known, which says why that happens
    and what fixes it; `names` are put in the place of words in it, such as NAME. What is done next is up to the
    command: it knows its own options.
    """

    def __init__(self, seen: str, *, code: str, **names: str) -> None:
        super().__init__(seen)
        self.seen, self.code, self.names = seen, code, names

    @property
    def brief(self) -> str:
        """What came back, as a part of a line."""
        return " ".join(self.seen.split())[:120]


class NotAllowedError(AskError):
    """The service answered that these credentials may not ask."""


class AwsRefusalError(AskError):
    """AWS answered, and no; `refusal` is its error code, such as `Unsupported`."""

    def __init__(self, seen: str, *, code: str, refusal: str) -> None:
        super().__init__(seen, code=code)
        self.refusal = refusal
