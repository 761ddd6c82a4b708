"""What a reader of bank files raises."""


class Refused(Exception):
    """A file that is not taken: why, on which line, and what the file seems to be.

    reason: a sentence for a bookkeeper. line: the line or row it is about, counted from one, or
    None if it is about the whole file. format: the name of the format, also of one that is no
    bank statement ("lockbox", "x937"), or None if it could not be told.
    """

    def __init__(self, reason: str, line: int | None = None, format: str | None = None) -> None:  # noqa: A002
        super().__init__(reason, line, format)
        self.reason = reason
        self.line = line
        self.format = format

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}" if self.line else self.reason
