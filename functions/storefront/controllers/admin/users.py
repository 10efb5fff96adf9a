"""Accounts, for administrators: find one, set its roles, disable or enable it.

Nobody disables the own account, or takes the administrator's role from it: another administrator
does. auth refuses both for the last one.
"""

from litestar import Response, get, post
from litestar.response import Stream

from functions.kit.http.requests import AnyRequest
from functions.kit.security.principal import ADMIN as ADMIN_ROLE
from functions.kit.security.principal import ROLES
from functions.storefront.back_office import ADMIN
from functions.storefront.clients.auth import Account
from functions.storefront.clients.service import Refused
from functions.storefront.controllers.books import id_in_path
from functions.storefront.controllers.csv_export import Cell, csv_of
from functions.storefront.controllers.lists import (
    CHOICE,
    SEARCH,
    Column,
    Filter,
    Listing,
    ListOf,
    confirmation_page,
)
from functions.storefront.forms import read_form
from functions.storefront.translations import N_
from functions.storefront.visits import PROBLEM, SUCCESS, Visit, open_area

ROLE_LABELS = {
    "customer": N_("Customer"),
    "seller": N_("Seller"),
    "staff": N_("Staff"),
    "admin": N_("Administrator"),
}
"""In the order in which pages list them; only those that exist are offered."""

USERS = ListOf(
    path=("admin", "users"),
    columns=(
        Column("email", N_("Email"), ("email", "-email")),
        Column("roles", N_("Roles")),
        Column("state", N_("State")),
        Column("since", N_("Since"), ("created", "-created")),
        Column("id", N_("Number"), ("id", "-id"), "amount"),
    ),
    filters=(
        Filter("q", N_("Email or name"), SEARCH),
        Filter(
            "role",
            N_("Role"),
            CHOICE,
            tuple((role, label) for role, label in ROLE_LABELS.items() if role in ROLES),
        ),
        Filter(
            "disabled", N_("State"), CHOICE, (("false", N_("Active")), ("true", N_("Disabled")))
        ),
    ),
    sort="id",
    exported=True,
)
_HEADER = ("id", "email", "name", "roles", "language", "disabled", "created_at")

_CHANGED = N_("The roles of %(email)s are changed.")
_DISABLED = N_("%(email)s is disabled, and signed out everywhere.")
_ENABLED = N_("%(email)s may sign in again.")
_NO_ROLE = N_("Choose at least one role. To shut an account out, disable it.")
_CHANGED_MEANWHILE = N_(
    "Somebody else has changed these roles meanwhile. These are the present ones: choose again."
)
_OWN = N_("This is your own account: ask another administrator to do this.")


@get("/{language:str}/admin/users", include_in_schema=False)
async def list_users(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, ADMIN)
    listing = Listing(visit, USERS)
    users = await listing.read(visit.services.auth.users)
    return visit.page(
        "admin/users.html",
        status=listing.status,
        listing=listing,
        users=users,
        role_name=lambda role: role_name(visit, role),
    )


@get("/{language:str}/admin/users.csv", include_in_schema=False)
async def export_users(request: AnyRequest) -> Stream:
    visit = await open_area(request, ADMIN)

    def cells(each: Account) -> list[Cell]:
        roles = _joined(each.roles)
        own = (each.id, each.email, each.name, roles, each.language)
        return [*own, each.disabled, each.created_at]

    return await csv_of(Listing(visit, USERS), "users", _HEADER, visit.services.auth.users, cells)


@get("/{language:str}/admin/users/{user_id:str}", include_in_schema=False)
async def show_user(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, ADMIN)
    return _user_page(visit, await _account(visit))


def _user_page(visit: Visit, account: Account, problem: str | None = None) -> Response[bytes]:
    names = [role for role in ROLE_LABELS if role in ROLES]
    # A role that a newer release of auth knows is kept.
    names += [role for role in account.roles if role not in names]
    return visit.page(
        "admin/user.html",
        status=200 if problem is None else 409,
        account=account,
        roles=[(name, role_name(visit, name)) for name in names],
        seen=_joined(account.roles),
        own=_is_own(visit, account.id),
        problem=problem,
    )


@post("/{language:str}/admin/users/{user_id:str}/roles", include_in_schema=False)
async def set_roles(request: AnyRequest) -> Response[bytes]:
    visit = await _open_change(request)
    form = await read_form(request)
    account = await _account(visit)
    offered = {*ROLES, *account.roles}
    chosen = sorted(role for role in offered if f"role-{role}" in form)
    if form.text("seen") != _joined(account.roles):
        if _joined(chosen) != _joined(account.roles):
            return _user_page(visit, account, visit.gettext(_CHANGED_MEANWHILE))
        # Sent again, after an answer that was lost.
        visit.session.tell(SUCCESS, visit.gettext(_CHANGED) % {"email": account.email})
    if not chosen:
        return _user_page(visit, account, visit.gettext(_NO_ROLE))
    if _is_own(visit, account.id) and ADMIN_ROLE not in chosen:
        return _user_page(visit, account, visit.gettext(_OWN))
    if set(chosen) != set(account.roles):
        return await _change(visit, account, {"roles": chosen}, _CHANGED)
    return visit.redirect(_url(visit, account.id))


@get("/{language:str}/admin/users/{user_id:str}/disable", include_in_schema=False)
async def ask_before_disabling(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, ADMIN)
    account = await _account(visit)
    if _is_own(visit, account.id):
        visit.tell(PROBLEM, _OWN)
        return visit.redirect(_url(visit, account.id))
    return confirmation_page(
        visit,
        title=visit.gettext(N_("Disable %(email)s?")) % {"email": account.email},
        text=visit.gettext(
            N_(
                "The account is signed out everywhere and cannot sign in until it is enabled."
                " Its orders stay as they are."
            )
        ),
        button=visit.gettext(N_("Disable the account")),
        back=_url(visit, account.id),
    )


@post("/{language:str}/admin/users/{user_id:str}/disable", include_in_schema=False)
async def disable(request: AnyRequest) -> Response[bytes]:
    visit = await _open_change(request)
    account = await _account(visit)
    if _is_own(visit, account.id):
        visit.tell(PROBLEM, _OWN)
        return visit.redirect(_url(visit, account.id))
    return await _change(visit, account, {"disabled": True}, _DISABLED)


@post("/{language:str}/admin/users/{user_id:str}/enable", include_in_schema=False)
async def enable(request: AnyRequest) -> Response[bytes]:
    visit = await _open_change(request)
    return await _change(visit, await _account(visit), {"disabled": False}, _ENABLED)


async def _change(
    visit: Visit, account: Account, changes: dict[str, object], done: str
) -> Response[bytes]:
    auth = visit.services.auth
    try:
        await visit.as_customer(lambda caller: auth.change_user(caller, account.id, changes))
    except Refused as refusal:
        if refusal.status != 409:
            raise
        visit.tell_refusal(refusal)
    else:
        visit.session.tell(SUCCESS, visit.gettext(done) % {"email": account.email})
    return visit.redirect(_url(visit, account.id))


async def _open_change(request: AnyRequest) -> Visit:
    visit = await open_area(request, ADMIN)
    visit.returns_to = _url(visit, id_in_path(request, "user_id"))
    return visit


async def _account(visit: Visit) -> Account:
    user_id = id_in_path(visit.request, "user_id")
    auth = visit.services.auth
    return await visit.as_customer(lambda caller: auth.user(caller, user_id))


def role_name(visit: Visit, role: str) -> str:
    return visit.gettext(ROLE_LABELS[role]) if role in ROLE_LABELS else role


def _is_own(visit: Visit, user_id: int) -> bool:
    return visit.signed_in is not None and visit.signed_in.user_id == user_id


def _joined(roles: list[str]) -> str:
    return " ".join(sorted(roles))


def _url(visit: Visit, user_id: int) -> str:
    return visit.url("admin", "users", user_id)


HANDLERS = (list_users, export_users, show_user, set_roles, ask_before_disabling, disable, enable)
