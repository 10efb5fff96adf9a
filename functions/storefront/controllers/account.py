"""A customer's own account: name, password, addresses, and closing it."""

import msgspec
from litestar import Response, get, post

from functions.kit.http.requests import AnyRequest
from functions.storefront.clients.purchase import Address
from functions.storefront.clients.service import Caller, Refused, ServiceAway
from functions.storefront.errors import BadForm
from functions.storefront.forms import read_form
from functions.storefront.translations import N_
from functions.storefront.visits import INFO, SUCCESS, Visit, open_visit, side_by_side


@get("/{language:str}/account", include_in_schema=False)
async def show_account(request: AnyRequest) -> Response[bytes]:
    return await _page(open_visit(request))


async def _page(
    visit: Visit,
    *,
    status: int = 200,
    typed_name: str | None = None,
    problems: dict[str, str] | None = None,
) -> Response[bytes]:
    """The account; without its addresses where purchase is away."""
    services = visit.services
    profile, addresses = await side_by_side(
        visit.as_customer(services.auth.profile), _addresses(visit)
    )
    return visit.page(
        "account.html",
        status=status,
        profile=profile,
        name=(profile.name or "") if typed_name is None else typed_name,
        addresses=addresses,
        problems=problems or {},
    )


async def _addresses(visit: Visit) -> list[Address] | None:
    try:
        return await visit.as_customer(visit.services.purchase.addresses)
    except ServiceAway:
        return None


@post("/{language:str}/account/name", include_in_schema=False)
async def change_name(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    visit.returns_to = visit.url("account")
    form = await read_form(request)
    auth = visit.services.auth
    try:
        profile = await visit.as_customer(
            lambda caller: auth.change_profile(caller, {"name": form.text("name")})
        )
    except Refused as refusal:
        return await _page(
            visit,
            status=refusal.status,
            typed_name=form.text("name"),
            problems=refusal.fields or {"name": visit.reason(refusal)},
        )
    signed_in = visit.session.signed_in
    if signed_in is not None:
        visit.session.signed_in = msgspec.structs.replace(signed_in, name=profile.name or "")
    visit.tell(SUCCESS, "Your name is changed.")
    return visit.redirect(visit.url("account"))


@post("/{language:str}/account/password", include_in_schema=False)
async def change_password(request: AnyRequest) -> Response[bytes]:
    """The other sessions of the account end; this one goes on with new tokens."""
    visit = open_visit(request)
    visit.returns_to = visit.url("account")
    form = await read_form(request)
    services = visit.services
    try:
        tokens = await visit.as_customer(
            lambda caller: services.auth.change_password(
                caller, current=form.secret("current_password"), new=form.secret("new_password")
            )
        )
    except Refused as refusal:
        problems = refusal.fields or {"current_password": _wrong(visit, refusal)}
        return await _page(visit, status=refusal.status, problems=problems)
    signed_in = visit.session.signed_in
    if signed_in is not None:
        visit.session.signed_in = services.tokens.signed_in(
            tokens,
            user_id=signed_in.user_id,
            email=signed_in.email,
            name=signed_in.name,
            roles=signed_in.roles,
        )
    visit.tell(SUCCESS, "Your password is changed; other devices are signed out.")
    return visit.redirect(visit.url("account"))


@post("/{language:str}/account/addresses/delete", include_in_schema=False)
async def delete_address(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    visit.returns_to = visit.url("account")
    form = await read_form(request)
    address_id = form.id("address_id")
    if address_id is None:
        raise BadForm
    purchase = visit.services.purchase
    try:
        await visit.as_customer(lambda caller: purchase.delete_address(caller, address_id))
    except Refused as refusal:
        if refusal.status != 404:  # deleted already, in another tab
            raise
    visit.tell(SUCCESS, "The address is deleted.")
    return visit.redirect(visit.url("account"))


@post("/{language:str}/account/close", include_in_schema=False)
async def close_account(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    visit.returns_to = visit.url("account")
    form = await read_form(request)
    auth = visit.services.auth

    async def close(caller: Caller) -> None:
        await auth.close_account(caller, password=form.secret("close_password"))

    try:
        await visit.as_customer(close)
    except Refused as refusal:
        why = refusal.fields.get("current_password") or _wrong(visit, refusal)
        problems = {"close_password": why}
        return await _page(visit, status=refusal.status, problems=problems)
    visit.session.signed_in = None
    visit.tell(INFO, "Your account is closed.")
    return visit.redirect(visit.url())


def _wrong(visit: Visit, refusal: Refused) -> str:
    """Why the current password was refused."""
    if refusal.code == "invalid-credentials":
        return visit.gettext(_WRONG_PASSWORD)
    return visit.reason(refusal)


_WRONG_PASSWORD = N_("This is not your password.")


HANDLERS = (show_account, change_name, change_password, delete_address, close_account)
