"""The lines of a dump: opened, decoded, and held against the signs of one that is not whole.

`dump.py` reads the statements in them.
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

from functions.adoption.errors import NotTheOriginal

_LAST_LINES = {
    "-- MySQL dump ": "-- Dump completed",
    "-- MariaDB dump ": "-- Dump completed",
    "START TRANSACTION;": "COMMIT;",
}
"""What stands at the end of a dump that begins so: of mysqldump, mariadb-dump and phpMyAdmin."""
_BEGINNINGS = tuple(_LAST_LINES)

_GZIP = b"\x1f\x8b"
_OTHER_FORMATS = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"PK": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z": "7-Zip",
}
"""By their first bytes. PowerShell's `>` writes UTF-16."""

_SET_NAMES = re.compile(r"^(?:/\*!\d+ )?SET NAMES '?(\w+)")
THREE_BYTES = frozenset({"utf8mb3", "utf8"})
"""Texts are converted to them with `?` for every character of four bytes."""
_READABLE_NAMES = frozenset({"utf8mb4", "binary", *THREE_BYTES})
_UNDECODED = re.compile(r"[\udc80-\udcff]")


class Line(NamedTuple):
    file: Path
    number: int
    text: str
    """Bytes that are no UTF-8 are unpaired surrogates in it: see `check_decoded`."""


def lines(file: Path) -> Iterator[Line]:
    """The lines of a file.

    Raises `NotTheOriginal` for a file that cannot be read, and at the end of one that has not been
    written to its end.
    """
    number, ending = 0, _Ending(file)
    try:
        with _opened(file) as opened:
            for number, text in enumerate(opened, 1):
                ending.pass_line(number, text)
                _check_names(file, number, text)
                yield Line(file, number, text)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise NotTheOriginal(
            f"{file}: el archivo gzip está dañado o cortado. Haga el volcado otra vez.",
            f"{file}: the gzip file is damaged or cut off. Make the dump again.",
        ) from error
    except OSError as error:
        raise NotTheOriginal(
            f"{file} no se puede leer: {error.strerror}.",
            f"{file} cannot be read: {error.strerror}.",
        ) from error
    ending.check(number)


class _Ending:
    """The line that a dump still needs to be whole."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._awaited = ""

    def pass_line(self, number: int, text: str) -> None:
        """Raises `NotTheOriginal` where another dump begins before the end of this one."""
        if text.startswith(_BEGINNINGS):
            self.check(number)
            begun = next(each for each in _BEGINNINGS if text.startswith(each))
            self._awaited = _LAST_LINES[begun]
        elif self._awaited and text.startswith(self._awaited):
            self._awaited = ""

    def check(self, number: int) -> None:
        """Raises `NotTheOriginal` where a dump has no end."""
        if self._awaited:
            raise cut_off(self._file, number)


def _opened(file: Path) -> TextIO:
    """Raises `NotTheOriginal` for a format that is known and not read."""
    with file.open("rb") as opened:
        beginning = opened.read(8)
    for first, name in _OTHER_FORMATS.items():
        if beginning.startswith(first):
            raise NotTheOriginal(
                f"{file} está en {name}. Los volcados se leen en UTF-8, también con gzip"
                " (.sql.gz); mysqldump los escribe así con --result-file=ARCHIVO.",
                f"{file} is in {name}. Dumps are read in UTF-8, also with gzip (.sql.gz); mysqldump"
                " writes them so with --result-file=FILE.",
            )
    if beginning.startswith(_GZIP):
        return gzip.open(file, "rt", encoding="utf-8-sig", errors="surrogateescape", newline="\n")
    return file.open(encoding="utf-8-sig", errors="surrogateescape", newline="\n")


def charset(text: str) -> str:
    """The character set that a statement says, in lower case; empty for another statement."""
    match = _SET_NAMES.match(text)
    return match[1].lower() if match else ""


def _check_names(file: Path, number: int, text: str) -> None:
    """Raises `NotTheOriginal` where the file says that its texts are not in UTF-8."""
    said = charset(text)
    if said and said not in _READABLE_NAMES:
        raise NotTheOriginal(
            f"{file}, línea {number}: los textos están en {said}. Haga el volcado otra vez con"
            " --default-character-set=utf8mb4.",
            f"{file}, line {number}: the texts are in {said}. Make the dump again with"
            " --default-character-set=utf8mb4.",
        )


def is_decoded(text: str) -> bool:
    """Whether a text was UTF-8. Tables and columns of one's own may have any bytes."""
    return text.isascii() or _UNDECODED.search(text) is None


def check_decoded(line: Line, text: str) -> None:
    """Raises `NotTheOriginal` for a text of the original's that was not UTF-8."""
    if not is_decoded(text):
        raise NotTheOriginal(
            f"{line.file}, línea {line.number}: no está en UTF-8. Haga el volcado otra vez con"
            " --default-character-set=utf8mb4.",
            f"{line.file}, line {line.number}: it is not in UTF-8. Make the dump again with"
            " --default-character-set=utf8mb4.",
        )


def cut_off(file: Path, number: int) -> NotTheOriginal:
    return NotTheOriginal(
        f"{file}, línea {number}: el volcado termina a medias, y le faltan filas. Mire si hay sitio"
        " en el disco, y haga el volcado otra vez.",
        f"{file}, line {number}: the dump ends before it is complete, and rows are missing. See"
        " whether the disk has room, and make the dump again.",
    )
