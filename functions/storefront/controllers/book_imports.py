"""A file of books, of staff or a seller: it goes to catalog as it arrives, and the page has the
report. Catalog adds and changes a seller's own books only.

The report is the answer to the form itself, and not a page that the form leads to: the storefront
has nothing to keep it in. Loading that page again sends the file again, which changes nothing.
"""

import base64
from typing import Any

import msgspec
from litestar import Response

from functions.kit.base.errors import InvalidInput
from functions.storefront.back_office import Area
from functions.storefront.clients.catalog import ImportReport, LineReport
from functions.storefront.clients.service import Refused, ServiceAway
from functions.storefront.controllers.csv_export import line
from functions.storefront.domain.amounts import amount
from functions.storefront.errors import OtherAccount, UploadBrokenOff
from functions.storefront.forms import Form
from functions.storefront.translations import N_
from functions.storefront.uploads import Upload, read_upload
from functions.storefront.visits import TOKEN_REFUSED, Visit

MAX_STOCK = 1_000_000
COLUMNS = {
    "title": N_("title"),
    "author": N_("author"),
    "price": N_("price"),
    "category": N_("category"),
    "year": N_("year"),
    "language": N_("language"),
    "description": N_("description"),
}
"""Columns of a file whose Spanish name is another one, by catalog's name."""
DECIMALS = ("point", "comma")


def import_page(
    visit: Visit,
    area: Area,
    *,
    status: int = 200,
    typed: dict[str, Any] | None = None,
    problems: dict[str, str] | None = None,
    report: ImportReport | None = None,
    filename: str = "",
) -> Response[bytes]:
    if report is not None:
        report = _with_column_names(visit, report)
    return visit.page(
        f"{area.name}/import.html",
        status=status,
        typed=typed or {},
        problems=problems or {},
        report=report,
        filename=filename,
        report_url=_as_csv(visit, report) if report is not None else None,
    )


async def import_file(visit: Visit, area: Area) -> Response[bytes]:
    """Send the form's file to catalog; the page with its report, or with what is wrong."""
    request = visit.request
    visit.returns_to = visit.url(area.name, "import")
    caller = await visit.caller_of_long_request()
    try:
        upload = await read_upload(request)
    except (UploadBrokenOff, InvalidInput):
        return import_page(visit, area, status=400, problems={"file": visit.gettext(_BROKEN_OFF)})
    await _check_account(visit, upload)
    params, problems = _options(visit, upload.form)
    if not upload.filename:
        problems["file"] = visit.gettext(_NO_FILE)
    elif caller is None:
        problems["file"] = visit.gettext(_SEND_AGAIN)
    if caller is None or problems:
        await upload.discard()
        return import_page(visit, area, status=400, typed=upload.form.shown(), problems=problems)
    try:
        report = await visit.services.catalog.import_books(caller, upload.chunks(), params)
    except (UploadBrokenOff, InvalidInput):
        problems, status = {"file": visit.gettext(_BROKEN_OFF)}, 400
    except ServiceAway:
        problems, status = {"file": visit.gettext(_AWAY)}, 503
    except Refused as refusal:
        reason = visit.reason(refusal)
        if refusal.code in TOKEN_REFUSED:
            reason = visit.gettext(_SEND_AGAIN)
        problems, status = {"file": reason or visit.gettext(_BROKEN_OFF)}, refusal.status
    else:
        return import_page(
            visit, area, typed=upload.form.shown(), report=report, filename=upload.filename[:100]
        )
    await upload.discard()
    return import_page(visit, area, status=status, typed=upload.form.shown(), problems=problems)


async def _check_account(visit: Visit, upload: Upload) -> None:
    """Raises `OtherAccount`, once the file has arrived: a browser shows an answer only then."""
    try:
        visit.check_account(upload.form)
    except OtherAccount:
        await upload.discard()
        raise


_NO_FILE = N_("Choose a file.")
_BROKEN_OFF = N_("The file did not arrive whole. Send it again: what was done is not done twice.")
_AWAY = N_(
    "The catalogue could not go on. Lines before that are saved. Send the same file again in a"
    " moment: what was done is not done twice."
)
_SEND_AGAIN = N_("Your session was renewed. Send the file again.")
_NO_PRICE = N_("Write an amount such as 12.50.")
_NO_STOCK = N_("Write a number of copies from 0 to 1,000,000.")


def _options(visit: Visit, form: Form) -> tuple[dict[str, Any], dict[str, str]]:
    """What catalog is told about the file, and messages by field."""
    params: dict[str, Any] = {}
    problems: dict[str, str] = {}
    if form.text("decimal") in DECIMALS:
        params["decimal"] = form.text("decimal")
    if form.text("default_price"):
        params["default_price"] = amount(form.text("default_price"))
        if params["default_price"] is None:
            problems["default_price"] = visit.gettext(_NO_PRICE)
    if form.text("default_stock"):
        params["default_stock"] = form.whole("default_stock", least=0, most=MAX_STOCK)
        if params["default_stock"] is None:
            problems["default_stock"] = visit.gettext(_NO_STOCK)
    return params, problems


def _with_column_names(visit: Visit, report: ImportReport) -> ImportReport:
    """The report with the columns' names in the visitor's language, which a file may have too."""

    def named(found: list[LineReport]) -> list[LineReport]:
        return [
            msgspec.structs.replace(each, field=visit.gettext(COLUMNS[each.field]))
            if each.field in COLUMNS
            else each
            for each in found
        ]

    return msgspec.structs.replace(
        report, errors=named(report.errors), warnings=named(report.warnings)
    )


def _as_csv(visit: Visit, report: ImportReport) -> str:
    """The report's lines as a file in a `data:` address, which works without JavaScript."""
    header = [visit.gettext(each) for each in (N_("Line"), N_("Field"), N_("Kind"), N_("Reason"))]
    kinds = (
        (visit.gettext(N_("refused")), report.errors),
        (visit.gettext(N_("warning")), report.warnings),
    )
    lines = [
        line([each.line, each.field, kind, each.reason]) for kind, found in kinds for each in found
    ]
    content = ("\ufeff" + line(header) + "".join(lines)).encode()
    return f"data:text/csv;charset=utf-8;base64,{base64.b64encode(content).decode()}"
