"""The keys that sign access tokens: their ages and states, and their rotation."""

from litestar import Response, get, post

from functions.kit.http.requests import AnyRequest
from functions.storefront.back_office import ADMIN
from functions.storefront.clients.service import Refused
from functions.storefront.controllers.lists import confirmation_page
from functions.storefront.forms import read_form
from functions.storefront.translations import N_
from functions.storefront.visits import SUCCESS, Visit, open_area

_ROTATED = N_("A new key signs from now on. Nobody is signed out.")


@get("/{language:str}/admin/keys", include_in_schema=False)
async def list_keys(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, ADMIN)
    keys = await visit.as_customer(visit.services.auth.keys)
    return visit.page("admin/keys.html", keys=keys, now=visit.services.clock())


@get("/{language:str}/admin/keys/rotate", include_in_schema=False)
async def ask_before_rotating(request: AnyRequest) -> Response[bytes]:
    """The form names the key that it replaces, so that a second click rotates nothing."""
    visit = await open_area(request, ADMIN)
    keys = await visit.as_customer(visit.services.auth.keys)
    active = next((key.kid for key in keys if key.state == "active"), "")
    return confirmation_page(
        visit,
        title=visit.gettext(N_("Sign with a new key?")),
        text=visit.gettext(
            N_(
                "The present key signs nothing more, and verifies the tokens that it has"
                " signed until they expire. Nobody is signed out."
            )
        ),
        button=visit.gettext(N_("Rotate the key")),
        back=visit.url("admin", "keys"),
        fields={"replaces": active},
        danger=False,
    )


@post("/{language:str}/admin/keys/rotate", include_in_schema=False)
async def rotate(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, ADMIN)
    visit.returns_to = visit.url("admin", "keys")
    replaces = (await read_form(request)).text("replaces")
    try:
        await _rotate(visit, replaces)
    except Refused as refusal:
        if refusal.status not in {400, 409}:
            raise
        visit.tell_refusal(refusal)
    else:
        visit.tell(SUCCESS, _ROTATED)
    return visit.redirect(visit.url("admin", "keys"))


async def _rotate(visit: Visit, replaces: str) -> None:
    auth = visit.services.auth
    await visit.as_customer(lambda caller: auth.rotate_key(caller, replaces))


HANDLERS = (list_keys, ask_before_rotating, rotate)
