"""A visit: one request of a person, with the language, the session, and how its page is answered.

Every handler opens one. A request that would change something is refused here where it comes from
another site, by the rule of Go's `http.CrossOriginProtection`: `Sec-Fetch-Site` decides, and
`Origin` where a browser does not send it. So no form needs a token, and pages stay cacheable.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from litestar import Response
from litestar.datastructures import Cookie

from functions.kit.base.language import preferred
from functions.kit.http.requests import AnyRequest
from functions.storefront import translations
from functions.storefront.back_office import Area, areas_of
from functions.storefront.clients.service import Caller, Refused
from functions.storefront.domain.paths import LANGUAGES, in_other_language, local_path
from functions.storefront.errors import (
    CrossSite,
    OtherAccount,
    PageNotFound,
    RoleMissing,
    SignInNeeded,
)
from functions.storefront.forms import Form, form_of, has_form, read_form
from functions.storefront.refusal_texts import REFUSAL_TEXTS
from functions.storefront.services import StorefrontServices, services_of
from functions.storefront.sessions import LIFETIME, Part, Session, SignedIn
from functions.storefront.sign_in import SessionEnded
from functions.storefront.translations import N_

T = TypeVar("T")
U = TypeVar("U")
R = TypeVar("R", bound=Response[Any])

SECURE_PREFIX = "__Host-"
"""Of a cookie that browsers accept on https only, and from this host only."""

SAFE_METHODS = frozenset({"GET", "HEAD"})

VARY = "Cookie, Accept-Language"
"""What pages and redirects depend on besides their address."""

_VISIT = "visit"
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?")

MAX_AGENT = 400
"""Characters of a User-Agent that are handed on."""

PREPARED_AFTER = 0.01
"""Seconds after its first request begins in which a process asks the other services. While it waits
for them, another thread loads Jinja and the locale's data, which the page needs afterwards."""

RENEWALS = 2
"""Of a token that a service refuses: the successor that another tab got, then one of auth."""
RENEWED_WITHIN = 5.0
"""Seconds of a visit in which tokens are renewed before they expire. Those of a page that has
waited for long may have been exchanged by another tab meanwhile; they still serve this page."""
TOKEN_REFUSED = frozenset(
    {"token-expired", "token-invalid", "token-missing", "token-revoked", "unauthenticated"}
)
"""Codes of a service that does not take the access token; a wrong password is another one."""
TOO_MANY = N_("Too many attempts.")
NO_PAGE = N_("This part of the list is not there any more. Start with its first page.")
NOT_DONE = N_("This could not be done. Look at the page again, and repeat what you wanted.")
SENT_BEFORE = N_(
    "This form was sent before, with other contents, and was carried out then. Look at what came"
    " of it, and send the form again if you want this as well."
)

INFO, SUCCESS, PROBLEM = "info", "success", "problem"
"""Kinds of messages."""


class Visit:
    """One request of a person."""

    def __init__(
        self,
        request: AnyRequest,
        language: str,
        session: Session,
        services: StorefrontServices,
    ) -> None:
        self.request = request
        self.language = language
        self.session = session
        self.services = services
        self.returns_to: str | None = None
        """The page with the form that was sent, to go on with after a sign-in or in another
        language; the cart, or the home page, where a handler names none."""
        self.keeps_form = False
        """Whether the form has texts that somebody wrote, which a sign-in, or a role that is
        missing, must not cost."""
        self.copies_at_purchase: int | None = None
        """Copies in a customer's cart, where it was asked for."""
        self._before = {part: session.content(part) for part in Part}
        self._began = asyncio.get_running_loop().time()
        self._deadline = self._began + services.settings.page_timeout_seconds
        self._tokens_used = False

    # What templates read.

    @property
    def path(self) -> str:
        return str(self.request.scope["path"])

    @property
    def query(self) -> str:
        return self.request.scope["query_string"].decode("latin-1")

    @property
    def here(self) -> str:
        """The address of this page, to come back to."""
        return self.path + (f"?{self.query}" if self.query else "")

    @property
    def page_address(self) -> str:
        """Where this page can be opened again, in another language or after a sign-in.

        The page of a form that was sent has no address: that of the page with the form is given.
        """
        address = self.here if self.request.method in SAFE_METHODS else self.returns_to
        return local_path(address) or self.url()

    @property
    def signed_in(self) -> SignedIn | None:
        return self.session.signed_in

    @property
    def customer(self) -> SignedIn:
        """Who has signed in. Raises `SignInNeeded`."""
        if self.session.signed_in is None:
            raise SignInNeeded(self._way_back)
        return self.session.signed_in

    @property
    def areas(self) -> tuple[Area, ...]:
        """The areas of the back office that the visitor may see."""
        return areas_of(self.session.signed_in.roles) if self.session.signed_in else ()

    @property
    def cart_copies(self) -> int | None:
        """Copies in the cart; None where purchase keeps it and was not asked."""
        return self.copies_at_purchase if self.session.signed_in else self.session.cart.copies

    @property
    def alternates(self) -> dict[str, str]:
        """This page's whole address by language: search engines pass over a path (hreflang)."""
        return {
            each: self._origin + in_other_language(self.path, self.query, each)
            for each in LANGUAGES
        }

    @property
    def _origin(self) -> str:
        """Scheme and host that the visitor asked; empty where the Host header is not one."""
        host = self.request.headers.get("host", "")
        if not _HOST.fullmatch(host):
            return ""
        secure = self.services.settings.cookie_is_secure
        return f"{'https' if secure else 'http'}://{host}"

    def url(self, *parts: object, **query: object) -> str:
        """A path of the shop in the visit's language."""
        path = "/".join(["", self.language, *(quote(str(part), safe="") for part in parts)])
        given = [f"{quote(name)}={quote(str(value))}" for name, value in query.items() if value]
        return path + (f"?{'&'.join(given)}" if given else "")

    def gettext(self, message: str) -> str:
        """A text of the code in the visit's language."""
        return translations.translations(self.language).gettext(message)

    # What handlers do.

    @property
    def caller(self) -> Caller:
        """The visitor, without an account."""
        address = self.request.client.host if self.request.client is not None else None
        agent = self.request.headers.get("user-agent", "")[:MAX_AGENT]
        # What a header may hold; anything else a browser does not send.
        agent = agent if agent.isascii() and agent.isprintable() else ""
        return Caller(self.language, address, agent=agent or None, deadline=self._deadline)

    async def as_customer(self, call: Callable[[Caller], Awaitable[T]]) -> T:
        """Call a service with the visitor's access token, renewed where it must be.

        Raises `SignInNeeded` where nobody has signed in, or the session has ended; `OtherAccount`.
        """
        signed_in = await self._account()
        tokens, caller = self.services.tokens, self.caller
        try:
            early = not self._tokens_used and self._age < RENEWED_WITHIN
            self._tokens_used = True
            signed_in = await tokens.fresh(signed_in, caller, early=early)
            self.session.signed_in = signed_in
            for attempt in range(1 + RENEWALS):
                if attempt:  # refused before its time, as after a rotation of keys
                    signed_in = self.session.signed_in = await tokens.renewed(signed_in, caller)
                try:
                    return await call(_with_token(caller, signed_in))
                except Refused as refusal:
                    if refusal.code not in TOKEN_REFUSED:
                        raise
            raise SessionEnded
        except SessionEnded as error:
            raise SignInNeeded(self._way_back, ended=True) from error

    async def _account(self) -> SignedIn:
        """Who has signed in. Everything that is done for an account asks here first.

        Raises `SignInNeeded`, and what `check_account` raises for the request's form.
        """
        signed_in = self.customer
        form = form_of(self.request)
        if form is None and self.request.method not in SAFE_METHODS and has_form(self.request):
            form = await read_form(self.request)  # of a button, which its handler does not read
        if form is not None:
            self.check_account(form)
        return signed_in

    def check_account(self, form: Form) -> None:
        """Go on only with a form whose page was shown to the account that has signed in.

        Another one may have signed in since, in another window of the browser. Raises
        `OtherAccount`.
        """
        signed_in = self.session.signed_in
        if signed_in is not None and form.account not in {None, signed_in.user_id}:
            raise OtherAccount

    async def require(self, area: Area) -> None:
        """Go on only for somebody who has a role of an area; the services check it again.

        A role that was given after the sign-in is found at auth. Raises `SignInNeeded`,
        `OtherAccount`, or `RoleMissing`.
        """
        signed_in = await self._account()
        if signed_in.has_role(*area.roles):
            return
        profile = await self.as_customer(self.services.auth.profile)
        if not area.roles.isdisjoint(profile.roles):
            try:
                present = self.session.signed_in or signed_in
                renewed = await self.services.tokens.renewed(present, self.caller)
            except SessionEnded as error:
                raise SignInNeeded(self._way_back, ended=True) from error
            self.session.signed_in = renewed
            if renewed.has_role(*area.roles):
                return
        raise RoleMissing(area.refusal)

    async def caller_of_long_request(self) -> Caller | None:
        """The visitor with the present token, for a request that takes longer than a page may.

        None where the token had to be renewed: the answer must be sent at once then, as auth takes
        the token before it for stolen if another tab uses it some seconds later.
        """
        signed_in = self.session.signed_in
        if signed_in is None:
            raise SignInNeeded(self._way_back)
        try:
            fresh = await self.services.tokens.fresh(signed_in, self.caller, early=False)
        except SessionEnded as error:
            raise SignInNeeded(self._way_back, ended=True) from error
        self.session.signed_in = fresh
        return _with_token(self.caller, fresh) if fresh == signed_in else None

    @property
    def _age(self) -> float:
        return asyncio.get_running_loop().time() - self._began

    @property
    def _way_back(self) -> str:
        """Where the visitor goes on after signing in. A form that was sent is not repeated."""
        if self.request.method in SAFE_METHODS or self.returns_to:
            return self.page_address
        return self.url("cart")

    def tell(self, kind: str, message: str, **values: object) -> None:
        """Show a text of the code, with its values, on the next page."""
        text = self.gettext(message)
        self.session.tell(kind, text % values if values else text)

    def reason(self, refusal: Refused) -> str:
        """Why a service refused a whole form."""
        if refusal.status == 429 and refusal.retry_after:
            from functions.storefront.rendering import try_again  # noqa: PLC0415 - loads Jinja

            wait = try_again(refusal.retry_after, self.language)
            return f"{self.gettext(TOO_MANY)} {wait}"
        if refusal.code == "idempotency-key-reused":  # after Back: the key is the form's
            return self.gettext(SENT_BEFORE)
        return self.text_of(refusal) or self.gettext(NOT_DONE)

    def text_of(self, refusal: Refused) -> str:
        """The text of a refusal; empty where it speaks of fields of the service's own API."""
        own = REFUSAL_TEXTS.get(refusal.code)
        return self.gettext(own) if own is not None else refusal.text

    def tell_refusal(self, refusal: Refused) -> None:
        """Show on the next page why a service refused."""
        self.session.tell(PROBLEM, self.reason(refusal))

    def first_page(self, refusal: Refused, *path: str) -> Response[bytes]:
        """Lead to the first page of a list whose cursor a service has refused.

        Raises any other refusal.
        """
        if refusal.status != 400:
            raise refusal
        self.tell(INFO, NO_PAGE)
        return self.redirect(self.url(*path))

    def page(self, template: str, status: int = 200, **context: Any) -> Response[bytes]:
        """Render a page; messages are shown with it, once."""
        from functions.storefront.rendering import render  # noqa: PLC0415 - loads Jinja

        messages, self.session.messages = self.session.messages, []
        given = {**context, "visit": self, "messages": messages, "status": status}
        content = render(self.language, template, **given)
        headers = {"content-language": self.language, "vary": VARY}
        return self.remember(
            Response(content.encode(), status_code=status, media_type="text/html", headers=headers)
        )

    def redirect(self, path: str) -> Response[bytes]:
        """303: the browser gets another page, and Back does not send the form again."""
        headers = {"location": path, "vary": VARY}
        return self.remember(
            Response(b"", status_code=303, media_type="text/html", headers=headers)
        )

    def remember(self, response: R) -> R:
        """An answer with the parts of the session that have changed in their cookies."""
        session, settings = self.session, self.services.settings
        changed = [
            part
            for part in Part
            if part in session.outdated or session.content(part) != self._before[part]
        ]
        is_personal = bool(changed) or session.signed_in is not None or bool(session.cart)
        # The answer to a form may show again what was typed.
        if is_personal or self.request.method not in SAFE_METHODS:
            response.headers["cache-control"] = "private, no-store"
        else:
            response.headers.setdefault("cache-control", "no-cache")
        for part in changed:
            value = self.services.sessions.seal(session, part)
            response.set_cookie(
                Cookie(
                    key=_cookie_name(self.services, part),
                    value=value,
                    path="/",
                    max_age=int(LIFETIME.total_seconds()) if value else 0,
                    secure=settings.cookie_is_secure,
                    httponly=True,
                    samesite="lax",
                )
            )
        return response


def _cookie_name(services: StorefrontServices, part: Part) -> str:
    return f"{SECURE_PREFIX}{part}" if services.settings.cookie_is_secure else str(part)


def _session_of(request: AnyRequest, services: StorefrontServices) -> Session:
    pairs = cookie_pairs(request.headers.get("cookie", ""))
    names = {_cookie_name(services, part): part for part in Part}
    given: dict[Part, list[str]] = {part: [] for part in Part}
    for name, value in pairs:
        if name in names:
            given[names[name]].append(value)
    return services.sessions.open(given)


def cookie_pairs(header: str) -> list[tuple[str, str]]:
    """Names and values of a Cookie header, in its order.

    Only spaces and tabs are taken off. A no-break space before `__Host-` makes another name, which
    a neighbouring host may set; `str.strip` would make it the cookie that only this host sets.
    """
    pairs = (pair.partition("=") for pair in header.split(";"))
    return [(name.strip(" \t"), value.strip(" \t")) for name, _, value in pairs]


async def side_by_side(first: Awaitable[T], second: Awaitable[U]) -> tuple[T, U]:
    """Two answers that a page needs, asked for at the same time.

    Where the first fails the second is not waited for: a page always has the same reason.
    """
    asked = asyncio.ensure_future(second)
    asked.add_done_callback(_retrieve)
    try:
        return await first, await asked
    finally:
        asked.cancel()


def _retrieve(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()  # otherwise asyncio logs one that nobody waited for


def _with_token(caller: Caller, signed_in: SignedIn) -> Caller:
    return msgspec.structs.replace(caller, token=signed_in.access_token)


def open_visit(request: AnyRequest) -> Visit:
    """The visit of a request, which its problem page goes on with.

    A token that was renewed before something failed is kept so: its predecessor is worth nothing
    after some seconds.

    Raises `PageNotFound` for a language that the shop does not speak, `CrossSite` for a change that
    another site asks for.
    """
    language = request.path_params.get("language")
    if language is not None and language not in LANGUAGES:
        raise PageNotFound
    if request.method not in SAFE_METHODS and not _is_same_origin(request):
        raise CrossSite
    services = services_of(request)
    session = _session_of(request, services)
    visit = Visit(request, language or chosen_language(request, session), session, services)
    request.scope["state"][_VISIT] = visit
    if not services.rendering_prepared:
        services.rendering_prepared = True
        loop = asyncio.get_running_loop()
        loop.call_later(PREPARED_AFTER, loop.run_in_executor, None, _prepare, visit.language)
    return visit


def _prepare(language: str) -> None:
    from functions.storefront.rendering import prepare  # noqa: PLC0415 - loads Jinja

    prepare(language)


async def open_area(request: AnyRequest, area: Area, *, keeps_form: bool = False) -> Visit:
    """The visit of a request for a page of the back office.

    Raises what `open_visit` and `Visit.require` raise; with `keeps_form`, `read_form` too.
    """
    visit = open_visit(request)
    visit.returns_to = visit.url(area.name)
    if keeps_form:
        await read_form(request)  # before somebody unknown is sent away
        visit.keeps_form = True
    await visit.require(area)
    return visit


def visit_of(request: AnyRequest) -> Visit:
    """The visit that a handler has opened; otherwise, a new one that only shows a problem."""
    opened: Visit | None = request.scope["state"].get(_VISIT)
    if opened is not None:
        return opened
    services, session = services_of(request), Session()
    language = chosen_language(request, session)
    is_page = request.scope["path"].split("/", 2)[1] in LANGUAGES
    if is_page and request.method in SAFE_METHODS:
        # A page that does not exist still knows who has signed in. A file does not: its page is
        # seen by nobody, and would use up the messages.
        session = _session_of(request, services)
    return Visit(request, language, session, services)


def chosen_language(request: AnyRequest, session: Session) -> str:
    """The language of the path, that was chosen before, or that the browser asks for."""
    in_path = request.scope["path"].split("/", 2)[1]
    if in_path in LANGUAGES:  # of a page that does not exist, whose path has no parameters
        return in_path
    if session.language in LANGUAGES:
        return session.language
    return preferred(request.headers.get("accept-language"))


def _is_same_origin(request: AnyRequest) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin")
    if origin is None:
        return True  # not a browser, or one that is older than 2020 and sends neither
    # Compared as text: a caller may send an Origin that is no URL. Only the host counts, because a
    # gateway that ends TLS hides the scheme.
    scheme, separator, host = origin.partition("://")
    return (
        separator == "://"
        and scheme in {"http", "https"}
        and host.lower() == request.headers.get("host", "").lower()
    )
