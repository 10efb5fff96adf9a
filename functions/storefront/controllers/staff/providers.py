"""The companies that deliver: which countries they serve, and for which fee."""

import re
from decimal import Decimal
from typing import Any

from litestar import Response, get, post
from litestar.response import Stream

from functions.kit.http.requests import AnyRequest
from functions.storefront.back_office import STAFF
from functions.storefront.clients.purchase import Provider
from functions.storefront.clients.service import Caller, Refused
from functions.storefront.controllers.books import id_in_path
from functions.storefront.controllers.csv_export import Cell, csv_of
from functions.storefront.controllers.lists import (
    CHOICE,
    Column,
    Filter,
    Listing,
    ListOf,
    Page,
    confirmation_page,
)
from functions.storefront.domain.amounts import amount
from functions.storefront.forms import Form, read_form
from functions.storefront.translations import N_
from functions.storefront.visits import SUCCESS, Visit, open_area

PROVIDERS = ListOf(
    path=("staff", "providers"),
    columns=(
        Column("name", N_("Name")),
        Column("contact", N_("Contact")),
        Column("coverage", N_("Countries")),
        Column("fee", N_("Fee"), None, "amount"),
        Column("state", N_("State")),
    ),
    filters=(
        Filter(
            "status", N_("State"), CHOICE, (("offered", N_("Offered")), ("retired", N_("Retired")))
        ),
    ),
    exported=True,
)

FIELDS = ("name", "contact", "coverage", "fee")
NO_FEE = N_("Write an amount such as 12.50.")
CHANGED = "precondition-failed"
_ETAG = re.compile(r'"[0-9a-f]{1,64}"')
_CODES = re.compile(r"[\s,;]+")


async def _read(visit: Visit, caller: Caller, asked: dict[str, Any]) -> Page[Provider]:
    return await visit.services.purchase.providers(caller, {"status": "all", **asked})


@get("/{language:str}/staff/providers", include_in_schema=False)
async def list_providers(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF)
    listing = Listing(visit, PROVIDERS)
    providers = await listing.read(lambda caller, asked: _read(visit, caller, asked))
    return visit.page(
        "staff/providers.html", status=listing.status, listing=listing, providers=providers
    )


@get("/{language:str}/staff/providers.csv", include_in_schema=False)
async def export_providers(request: AnyRequest) -> Stream:
    visit = await open_area(request, STAFF)
    header = [
        N_("Number"),
        *(column.label for column in PROVIDERS.columns),
    ]
    state = {True: visit.gettext(N_("Retired")), False: visit.gettext(N_("Offered"))}

    def cells(each: Provider) -> list[Cell]:
        coverage = " ".join(each.coverage)
        return [each.id, each.name, each.contact, coverage, each.fee, state[each.retired]]

    return await csv_of(
        Listing(visit, PROVIDERS),
        "providers",
        header,
        lambda caller, asked: _read(visit, caller, asked),
        cells,
    )


def _body(visit: Visit, form: Form) -> tuple[dict[str, Any], dict[str, str]]:
    """What purchase is told, and messages by field."""
    fee = amount(form.text("fee")) if form.text("fee") else "0"
    codes = [code.upper() for code in _CODES.split(form.text("coverage")) if code]
    body = {
        "name": form.text("name"),
        "contact": form.text("contact"),
        "coverage": codes,
        "fee": fee,
    }
    return body, {} if fee is not None else {"fee": visit.gettext(NO_FEE)}


def _problems(visit: Visit, refusal: Refused) -> dict[str, str]:
    """Messages by field; raises a refusal that the form cannot mend."""
    if refusal.code == "provider-exists":
        return {"name": visit.reason(refusal)}
    if refusal.status != 400:
        raise refusal
    # `coverage[3]` is an entry of the one field.
    fields = {name.partition("[")[0]: message for name, message in refusal.fields.items()}
    return fields or {"": visit.reason(refusal)}


@get("/{language:str}/staff/providers/new", include_in_schema=False)
async def show_new_provider(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF)
    return visit.page("staff/new_provider.html", typed={}, problems={}, newer={})


@post("/{language:str}/staff/providers/new", include_in_schema=False)
async def add_provider(request: AnyRequest) -> Response[bytes]:
    """Names are unique, so a form that is sent twice adds one provider."""
    visit = await open_area(request, STAFF, keeps_form=True)
    form = await read_form(request)
    visit.returns_to = visit.url("staff", "providers", "new")
    body, problems = _body(visit, form)
    status = 400
    if not problems:
        purchase = visit.services.purchase
        try:
            await visit.as_customer(lambda caller: purchase.add_provider(caller, body))
        except Refused as refusal:
            problems, status = _problems(visit, refusal), refusal.status
        else:
            visit.tell(SUCCESS, "The delivery provider is added.")
            return visit.redirect(visit.url("staff", "providers"))
    return visit.page(
        "staff/new_provider.html", status=status, typed=form.shown(), problems=problems, newer={}
    )


@get("/{language:str}/staff/providers/{provider_id:str}", include_in_schema=False)
async def show_provider(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF)
    return await _page(visit, id_in_path(request, "provider_id"))


async def _page(
    visit: Visit,
    provider_id: int,
    *,
    form: Form | None = None,
    problems: dict[str, str] | None = None,
    status: int = 200,
    is_newer: bool = False,
) -> Response[bytes]:
    """`is_newer`: somebody else has changed the provider since the form was made."""
    purchase = visit.services.purchase
    provider, etag = await visit.as_customer(lambda each: purchase.provider(each, provider_id))
    present = _shown(provider)
    typed, newer = present, {}
    if form is not None:
        typed = {name: form.text(name) for name in FIELDS}
        if is_newer:
            newer = {name: text for name, text in present.items() if text != typed[name]}
        else:
            etag = form.text("etag")
    return visit.page(
        "staff/provider.html",
        status=status,
        provider=provider,
        typed=typed,
        problems=problems or {},
        newer=newer,
        is_newer=is_newer,
        etag=etag,
    )


def _shown(provider: Provider) -> dict[str, str]:
    """A provider's values as the form's fields have them."""
    return {
        "name": provider.name,
        "contact": provider.contact,
        "coverage": ", ".join(provider.coverage),
        "fee": str(provider.fee),
    }


async def _is_stored(visit: Visit, provider_id: int, body: dict[str, Any]) -> bool:
    """Whether a form has taken effect, as one that is sent again after a lost answer."""
    purchase = visit.services.purchase
    provider, _ = await visit.as_customer(lambda each: purchase.provider(each, provider_id))
    present, _ = _body(visit, Form(_shown(provider)))
    return _comparable(present) == _comparable(body)


def _comparable(body: dict[str, Any]) -> tuple[Any, ...]:
    return body["name"], body["contact"], set(body["coverage"]), Decimal(body["fee"])


@post("/{language:str}/staff/providers/{provider_id:str}", include_in_schema=False)
async def change_provider(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF, keeps_form=True)
    form = await read_form(request)
    provider_id = id_in_path(request, "provider_id")
    visit.returns_to = visit.url("staff", "providers", provider_id)
    body, problems = _body(visit, form)
    if problems:
        return await _page(visit, provider_id, form=form, problems=problems, status=400)
    purchase, etag = visit.services.purchase, form.text("etag")
    etag = etag if _ETAG.fullmatch(etag) else '"0"'  # which matches no version
    try:
        await visit.as_customer(
            lambda caller: purchase.change_provider(caller, provider_id, body, etag=etag)
        )
    except Refused as refusal:
        if refusal.code != CHANGED:
            return await _page(
                visit,
                provider_id,
                form=form,
                problems=_problems(visit, refusal),
                status=refusal.status,
            )
        if not await _is_stored(visit, provider_id, body):
            return await _page(visit, provider_id, form=form, status=412, is_newer=True)
    visit.tell(SUCCESS, "The delivery provider is changed.")
    return visit.redirect(visit.url("staff", "providers"))


@get("/{language:str}/staff/providers/{provider_id:str}/retire", include_in_schema=False)
async def confirm_retiring(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF)
    provider_id = id_in_path(request, "provider_id")
    purchase = visit.services.purchase
    provider, _ = await visit.as_customer(lambda caller: purchase.provider(caller, provider_id))
    here = visit.url("staff", "providers", provider_id)
    if provider.retired:
        return visit.redirect(here)
    return confirmation_page(
        visit,
        title=visit.gettext(_RETIRE) % {"name": provider.name},
        text=visit.gettext(_RETIRING),
        button=visit.gettext(N_("Offer it no longer")),
        back=here,
    )


_RETIRE = N_("Offer %(name)s no longer?")
_RETIRING = N_(
    "Nobody can choose it for a new order. Deliveries that it has go on, and it can be offered"
    " again."
)


@post("/{language:str}/staff/providers/{provider_id:str}/retire", include_in_schema=False)
async def retire_provider(request: AnyRequest) -> Response[bytes]:
    return await _offer(request, retired=True)


@post("/{language:str}/staff/providers/{provider_id:str}/restore", include_in_schema=False)
async def restore_provider(request: AnyRequest) -> Response[bytes]:
    return await _offer(request, retired=False)


async def _offer(request: AnyRequest, *, retired: bool) -> Response[bytes]:
    visit = await open_area(request, STAFF)
    provider_id = id_in_path(request, "provider_id")
    here = visit.returns_to = visit.url("staff", "providers", provider_id)
    purchase, changes = visit.services.purchase, {"retired": retired}
    await visit.as_customer(lambda caller: purchase.change_provider(caller, provider_id, changes))
    if retired:
        visit.tell(SUCCESS, "The delivery provider is no longer offered.")
    else:
        visit.tell(SUCCESS, "The delivery provider is offered again.")
    return visit.redirect(here)


HANDLERS = (
    list_providers,
    export_providers,
    show_new_provider,
    add_provider,
    show_provider,
    change_provider,
    confirm_retiring,
    retire_provider,
    restore_provider,
)
