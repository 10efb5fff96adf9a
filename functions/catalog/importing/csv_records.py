"""An incremental CSV parser: `feed` takes chunks of bytes and yields the records they complete.

The `csv` module pulls lines and cannot await the network. This module finds where a record ends (a
quoted field may contain line breaks) and has `csv` parse the record. It buffers at most one record
and one chunk.

Source: RFC 4180, and also LF line ends, a byte order mark, semicolons or tabs as delimiters, and
Excel's first line `sep=;`. Other files are refused with advice on how to save them.
"""

import codecs
import csv
import re
from collections.abc import Iterator
from typing import NamedTuple

from functions.catalog.errors import MalformedCsv
from functions.kit.base.errors import Text

MAX_RECORD = 64 * 1024
"""Characters of a record; the limit of `csv` for a field is higher."""

DELIMITERS = (",", ";", "\t")

_SAVE_AS = Text(
    "En Excel: Archivo, Guardar como, «CSV UTF-8 (delimitado por comas)»",
    "In Excel: File, Save As, “CSV UTF-8 (Comma delimited)”",
)
_SIGNATURES = {
    b"PK\x03\x04": Text("un libro de Excel o un ZIP", "an Excel workbook or a ZIP"),
    b"\xd0\xcf\x11\xe0": Text("un libro de Excel", "an Excel workbook"),
    b"\x1f\x8b": Text("un archivo comprimido con gzip", "a file compressed by gzip"),
    b"%PDF": Text("un PDF", "a PDF"),
    b"\x89PNG": Text("una imagen", "an image"),
    b"\xff\xd8\xff": Text("una imagen", "an image"),
    b"\xff\xfe": Text("un texto en UTF-16", "a text in UTF-16"),
    b"\xfe\xff": Text("un texto en UTF-16", "a text in UTF-16"),
}
"""Signatures of files that are often sent instead of a CSV."""
_LONGEST_SIGNATURE = max(map(len, _SIGNATURES))

_SEPARATOR_LINE = re.compile(r'"?sep=([^\w"\r\n])"?\s*\Z', re.IGNORECASE)
_LONE_CR = re.compile(r"\r(?!\n|\Z)")
_WORD_AT_END = re.compile(r"\w{1,20}\Z")
_WORD_AT_START = re.compile(r"\A\w{1,20}")
_QUOTED = re.compile(r'"[^"]*+"')
_TO_CLOSING_QUOTE = re.compile(r'(?:[^"]|"")*+"')


class Record(NamedTuple):
    line: int
    """Line of the file, from 1, on which the record begins."""
    cells: list[str]
    problem: Text | None = None
    """Why it could not be parsed; `cells` is empty then."""


class CsvReader:
    """Parses one file: call `feed` for each chunk, then `close`.

    Raises `MalformedCsv` where the rest of the file cannot be parsed.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("strict")
        self._delimiter = ""
        self._rest = ""
        self._record: list[str] = []
        self._size = 0
        self._lines = 0
        self._inside_quotes = False
        self._start: bytes | None = b""
        """The first bytes, until they are long enough to compare signatures; then None."""

    def feed(self, data: bytes) -> Iterator[Record]:
        """Yields the records that these bytes complete."""
        if self._start is not None:
            self._start += data
            if len(self._start) < _LONGEST_SIGNATURE:
                return
            data = self._checked_start()
        yield from self._split(data, final=False)

    def close(self) -> Iterator[Record]:
        """Yields the last record, which may have no line end."""
        yield from self._split(self._checked_start(), final=True)
        if self._rest:
            yield from self._add_line(self._rest)
        if self._record:
            raise MalformedCsv(
                Text(
                    f"Las comillas que se abren en la línea {self._first_line} no se cierran.",
                    f"The quotation mark that opens in line {self._first_line} is never closed.",
                )
            )

    def _checked_start(self) -> bytes:
        start, self._start = self._start or b"", None
        for signature, name in _SIGNATURES.items():
            if start.startswith(signature):
                raise MalformedCsv(
                    Text(
                        f"Esto es {name.es}, no un CSV en UTF-8. {_SAVE_AS.es}.",
                        f"This is {name.en}, not a CSV in UTF-8. {_SAVE_AS.en}.",
                    )
                )
        return start

    @property
    def _first_line(self) -> int:
        """First line of the record that is being read."""
        return self._lines - len(self._record) + 1

    def _split(self, data: bytes, *, final: bool) -> Iterator[Record]:
        invalid: UnicodeDecodeError | None = None
        try:
            text = self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            text, invalid = error.object[: error.start].decode("utf-8-sig"), error
        lines = (self._rest + text).split("\n")
        self._rest = lines.pop()
        for line in lines:
            yield from self._add_line(line + "\n")
        if invalid is not None:
            raise self._not_utf_8(invalid) from invalid
        self._check_line_ends(self._rest)
        self._check_size(self._size + len(self._rest))

    def _add_line(self, line: str) -> Iterator[Record]:
        self._lines += 1
        if not self._delimiter:
            self._check_line_ends(line)
            if self._lines == 1 and (declared := _SEPARATOR_LINE.match(line)):
                self._delimiter = declared[1]
                return
            if not line.strip():
                return
            self._delimiter = sniff_delimiter(line)
        self._record.append(line)
        self._size += len(line)
        self._check_size(self._size)
        self._inside_quotes = self._ends_inside_quotes(line)
        if self._inside_quotes:
            return
        first_line, lines = self._first_line, self._record
        self._record, self._size = [], 0
        if len(lines) > 1 or line.strip():
            yield self._parse(first_line, lines)

    def _ends_inside_quotes(self, line: str) -> bool:
        """Whether a field that began with a quotation mark is still open at the line's end."""
        position = 0
        if not self._inside_quotes:
            position = 1 if line.startswith('"') else self._next_opening(line, 0)
        while position >= 0:
            closing = _TO_CLOSING_QUOTE.match(line, position)
            if closing is None:
                return True
            position = self._next_opening(line, closing.end())
        return False

    def _next_opening(self, line: str, position: int) -> int:
        """Index after the next quotation mark that opens a field; -1 where there is none."""
        found = line.find(self._delimiter + '"', position)
        return found if found < 0 else found + 2

    def _parse(self, first_line: int, lines: list[str]) -> Record:
        try:
            (cells,) = csv.reader(lines, delimiter=self._delimiter, strict=True)
        except (csv.Error, ValueError) as error:
            return Record(first_line, [], _explained(str(error)))
        return Record(first_line, cells)

    def _check_line_ends(self, text: str) -> None:
        """Raises `MalformedCsv` for a header with lone CRs, which has no line end."""
        if not self._delimiter and _LONE_CR.search(text):
            raise MalformedCsv(
                Text(
                    "Las líneas terminan solo con CR, como en un Macintosh antiguo, y la cabecera"
                    f" no tiene fin. {_SAVE_AS.es}, no «CSV (Macintosh)».",
                    "The lines end with CR alone, as on an old Macintosh, so the header has no"
                    f" end. {_SAVE_AS.en}, not “CSV (Macintosh)”.",
                )
            )

    def _not_utf_8(self, error: UnicodeDecodeError) -> MalformedCsv:
        after = error.object[error.start : error.end + 8].decode("cp1252", "replace")
        word = "".join(_WORD_AT_END.findall(self._rest) + _WORD_AT_START.findall(after))
        hint = Text(
            f"; si debe decir «{word}», está en Latin-1 o Windows-1252",
            f"; if it should read “{word}”, it is Latin-1 or Windows-1252",
        )
        hint = hint if word else Text("", "")
        line = self._lines + 1
        return MalformedCsv(
            Text(
                f"La línea {line} no está en UTF-8{hint.es}. {_SAVE_AS.es}.",
                f"Line {line} is not UTF-8{hint.en}. {_SAVE_AS.en}.",
            )
        )

    def _check_size(self, size: int) -> None:
        if size > MAX_RECORD:
            line = self._first_line
            raise MalformedCsv(
                Text(
                    f"El registro que empieza en la línea {line} tiene más de {MAX_RECORD}"
                    " caracteres: puede faltar cerrar unas comillas, o se perdieron los fines de"
                    " línea (con curl, envíe el archivo con --data-binary).",
                    f"The record that begins in line {line} is longer than {MAX_RECORD}"
                    " characters: a quotation mark may not be closed, or the line ends were lost"
                    " (with curl, send the file with --data-binary).",
                )
            )


def _explained(complaint: str) -> Text:
    """The error of the `csv` module, as a text for people."""
    if "expected after" in complaint:
        return Text(
            "tiene texto después de unas comillas que se cierran: dentro de un campo las comillas"
            ' se escriben dobles, ""',
            "has text after a closing quotation mark: inside a field a quotation mark is written"
            ' twice, ""',
        )
    if "new-line" in complaint or "newline" in complaint:
        return Text(
            "tiene un fin de línea CR dentro: guarde el archivo como CSV UTF-8",
            "has a lone CR inside: save the file as CSV UTF-8",
        )
    if "NUL" in complaint:
        return Text("tiene un carácter nulo", "has a null character")
    return Text("no se puede leer como CSV", "cannot be read as CSV")


def sniff_delimiter(header: str) -> str:
    """The most frequent delimiter of a header, outside quotation marks."""
    plain = _QUOTED.sub("", header)
    return max(DELIMITERS, key=plain.count)
