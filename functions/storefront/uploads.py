"""Reading a form with a file (RFC 7578) as it arrives: nothing of the file is kept.

The file is the form's last part, as its page has it, so the fields are known before its first
bytes.
"""

from collections.abc import AsyncIterator
from typing import NamedTuple

from functions.kit.http.requests import AnyRequest
from functions.storefront.errors import BadForm, UploadBrokenOff
from functions.storefront.forms import Form

FORM = "multipart/form-data"
MAX_FIELDS = 16 * 1024
"""Bytes of all fields besides the file."""
MAX_PARTS = 16
"""Parts of a form, the file included: what a page of the shop sends has four."""
MAX_DISCARDED = 128 * 1024 * 1024
"""Bytes of a refused file that are still read, as a browser shows an answer only then."""


class Piece(NamedTuple):
    """Some bytes of a part."""

    name: str
    filename: str
    """Empty for a field."""
    data: bytes
    begins: bool
    """Whether it is the part's first piece, which has no bytes."""


class Upload:
    """A form whose file is still to be read."""

    def __init__(self, pieces: AsyncIterator[Piece]) -> None:
        self._pieces = pieces
        self.form = Form({})
        self.filename = ""
        """Empty where no file was chosen."""

    async def read_fields(self) -> None:
        """Read up to the file. Raises what `chunks` raises."""
        values: dict[str, bytearray] = {}
        size = 0
        async for piece in self._pieces:
            if piece.filename:
                self.filename = piece.filename
                break
            if piece.begins:
                values[piece.name] = bytearray()  # of a repeated field the last value counts
            size += len(piece.data)
            if size > MAX_FIELDS:
                raise BadForm
            values[piece.name] += piece.data
        try:
            self.form = Form({name: value.decode() for name, value in values.items()})
        except UnicodeDecodeError as error:
            raise BadForm from error

    async def chunks(self) -> AsyncIterator[bytes]:
        """The file's content.

        Raises `UploadBrokenOff` where the form ends before it should, and `BadForm` where another
        part follows.
        """
        async for piece in self._pieces:
            if piece.begins:
                raise BadForm
            yield piece.data

    async def discard(self) -> None:
        """Read the rest and drop it: a browser that is still sending shows no answer."""
        size = 0
        try:
            async for piece in self._pieces:
                size += len(piece.data)
                if size > MAX_DISCARDED:
                    return
        except (BadForm, UploadBrokenOff):
            return


async def read_upload(request: AnyRequest) -> Upload:
    """A form with a file, read up to the file.

    Raises `BadForm` for what no page of the shop sends, `UploadBrokenOff` for a part of a form.
    """
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != FORM:
        raise BadForm
    upload = Upload(_pieces(request, content_type))
    await upload.read_fields()
    return upload


async def _pieces(request: AnyRequest, content_type: str) -> AsyncIterator[Piece]:
    from multipart import (  # noqa: PLC0415 - only for this form
        MultipartError,
        MultipartSegment,
        ParserLimitReached,
        PushMultipartParser,
        parse_options_header,
    )

    name = filename = ""
    try:
        boundary = parse_options_header(content_type)[1].get("boundary", "")
        with PushMultipartParser(boundary, max_segment_count=MAX_PARTS, strict=True) as parser:
            async for chunk in request.stream():
                for part in parser.parse(chunk):
                    if isinstance(part, MultipartSegment):
                        name, filename = part.name, part.filename or ""
                        yield Piece(name, filename, b"", begins=True)
                    elif part:
                        yield Piece(name, filename, bytes(part), begins=False)
    except ParserLimitReached as error:
        raise BadForm from error
    except MultipartError as error:
        raise UploadBrokenOff from error
