"""The lines of a CSV file, counted and checked apart from its parser.

A parser that loses a row in silence is found out by a second count that shares no code with it; and a message about
a row can name its physical line, whatever blank lines and quoted line ends stand before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, NoReturn, cast

import numpy as np

from demandgeo.domain.record import Integers, Mask
from demandgeo.errors import Problem, SourceError

BLOCK = 1 << 23
"""Bytes read at a time; memory stays near the size of the parsed columns, whatever the size of the file."""

LONGEST = 1 << 26
"""A record longer than this is a quote that was never closed, or no text at all."""

QUOTE, NEWLINE, RETURN, COMMA = b'"\n\r,'
BEFORE_A_QUOTE = (COMMA, NEWLINE, QUOTE)
AFTER_A_QUOTE = (COMMA, NEWLINE, RETURN, QUOTE)


@dataclass(frozen=True, slots=True)
class Piece:
    r"""Some whole records of a file.

    Parameters
    ----------
    text
        Their bytes: UTF-8, without a byte-order mark, lines ended by ``\n`` or ``\r\n``.
    first
        Number of the first record; the header of the file is record 0.
    records
        How many records there are.
    """

    text: bytes
    first: int
    records: int


class Lines:
    r"""Cuts a stream into pieces of whole records, and knows on which line each record starts.

    Parameters
    ----------
    stream
        Bytes of a CSV file with commas between its fields.
    file
        Its name in messages.

    Attributes
    ----------
    records
        Records seen so far, the header included; blank lines are none.
    repaired
        Lossless repairs so far: ``byte_order_mark``, ``crlf`` and ``cr`` line ends, ``blank_line``,
        ``no_final_newline``.

    Examples
    --------
    >>> import io
    >>> lines = Lines(io.BytesIO(b"a,b\n\n1,2\n"), "x.csv")
    >>> [piece.records for piece in lines.pieces()], lines_of(lines.breaks(), np.arange(2)).tolist()
    ([2], [1, 3])
    """

    def __init__(self, stream: IO[bytes], file: str) -> None:
        self.stream = stream
        self.file = file
        self.records = 0
        self.repaired: Counter[str] = Counter()
        self._lines = 0
        self._breaks: list[Integers] = []

    def pieces(self) -> Iterator[Piece]:
        """Yield the records in order.

        Raises
        ------
        SourceError
            For a NUL byte, text that is not UTF-8, a stray or unclosed quote or an endless record, with its line.
        """
        rest = self._without_mark(self._block())
        while block := self._block():
            cut = _end_of_records(rest)
            if cut:
                yield self._account(rest[:cut])
            elif len(rest) > LONGEST:
                self._refuse(f"a record is longer than {LONGEST >> 20} MB", 0, rest, "close the quote that opens it")
            rest = rest[cut:] + block
        if rest:
            if not rest.endswith(b"\n"):
                self.repaired["no_final_newline"] = 1
            yield self._account(rest)

    def breaks(self) -> Integers:
        """Return the records, ascending, before which a line stands that starts no record (see `lines_of`)."""
        return np.concatenate(self._breaks) if self._breaks else np.empty(0, np.int64)

    def _block(self) -> bytes:
        block = self.stream.read(BLOCK)
        while block.endswith(b"\r") and (after := self.stream.read(1)):
            block += after
        returns = block.count(b"\r")
        paired = block.count(b"\r\n") if returns else 0
        self.repaired.update({name: n for name, n in (("crlf", paired), ("cr", returns - paired)) if n})
        # The parser reads \r\n as it stands; rewriting it would cost 2.5 s for 1.3 GB.
        return block if paired == returns else block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _without_mark(self, block: bytes) -> bytes:
        if block.startswith((b"\xff\xfe", b"\xfe\xff")):
            self._refuse("the text is UTF-16", 0, block, "save it as UTF-8")
        if block.startswith(b"\xef\xbb\xbf"):
            self.repaired["byte_order_mark"] = 1
            return block[3:]
        return block

    def _account(self, text: bytes) -> Piece:
        self._check_encoding(text)
        first, newlines = self.records, text.count(b"\n")
        if b'"' in text or b"\n\n" in text or b"\n\r\n" in text or text[:1] in b"\r\n":
            self._account_slowly(text)
        else:
            self.records += newlines + (not text.endswith(b"\n"))
        self._lines += newlines
        return Piece(text, first, self.records - first)

    def _account_slowly(self, text: bytes) -> None:
        """Count records where some lines start none: blank ones, and those inside a quoted field."""
        self._check_quotes(text)
        letters = np.frombuffer(text, np.uint8)
        newlines, quoted = _newlines(letters)
        length = np.diff(newlines, prepend=-1) - 1
        blank = ~quoted & ((length == 0) | ((length == 1) & (letters[newlines - 1] == RETURN)))
        ends = ~quoted & ~blank
        before = self.records + np.cumsum(ends) - ends
        self._breaks.append((before + quoted)[blank | quoted].astype(np.int64))
        if blank.any():
            self.repaired["blank_line"] += int(blank.sum())
        last = int(newlines[-1]) + 1 if newlines.size else 0
        self.records += int(ends.sum()) + int(last < len(text))

    def _check_encoding(self, text: bytes) -> None:
        nul = text.find(b"\0")
        if nul >= 0:
            self._refuse(
                "a NUL byte stands in the text", nul, text, "it is no CSV, UTF-16, or damaged: export it again"
            )
        if text.isascii():
            return
        try:
            text.decode()
        except UnicodeDecodeError as error:
            letter = text[error.start]
            self._refuse(f"byte 0x{letter:02X} is no UTF-8 (Latin-1?)", error.start, text, "save the file as UTF-8")

    def _check_quotes(self, text: bytes) -> None:
        letters = np.frombuffer(b"\n" + text + b"\n", np.uint8)
        quotes = np.flatnonzero(letters == QUOTE)
        opens, closes = quotes[::2], quotes[1::2]
        stray = np.concatenate(
            [
                opens[~np.isin(letters[opens - 1], BEFORE_A_QUOTE)],
                closes[~np.isin(letters[closes + 1], AFTER_A_QUOTE)],
            ]
        )
        if stray.size:
            self._refuse("a quote stands inside a field", int(stray.min()) - 1, text, "double it and quote the field")
        if quotes.size % 2:
            self._refuse("a quote is never closed", int(quotes[-1]) - 1, text, "close it, or export the file again")

    def _refuse(self, found: str, at: int, text: bytes, remedy: str) -> NoReturn:
        line = self._lines + text.count(b"\n", 0, at) + 1
        raise SourceError(Problem(found, "UTF-8 text with commas was needed", remedy, file=self.file, line=line))


def lines_of(breaks: Integers, records: Integers) -> Integers:
    """Return the lines, from 1, on which records start; record 0 is the header."""
    return records + 1 + np.searchsorted(breaks, records, side="right")


def _end_of_records(text: bytes) -> int:
    if b'"' not in text:
        return text.rfind(b"\n") + 1
    newlines, quoted = _newlines(np.frombuffer(text, np.uint8))
    ends = newlines[~quoted]
    return int(ends[-1]) + 1 if ends.size else 0


def _newlines(letters: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> tuple[Integers, Mask]:
    """Return where the line ends are, and which of them stand between an opening and a closing quote."""
    newlines = np.flatnonzero(letters == NEWLINE)
    quotes = np.flatnonzero(letters == QUOTE)
    return cast(Integers, newlines), cast(Mask, np.searchsorted(quotes, newlines) % 2 == 1)
