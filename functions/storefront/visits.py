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
from functions.storefront.clients.service import Caller, Refused
from functions.storefront.domain.paths import LANGUAGES, in_other_language
from functions.storefront.errors import CrossSite, PageNotFound, SignInNeeded
from functions.storefront.services import StorefrontServices, services_of
from functions.storefront.sessions import LIFETIME, Session, SignedIn
from functions.storefront.sign_in import SessionEnded
from functions.storefront.translations import N_

T = TypeVar("T")

COOKIE, SECURE_COOKIE = "session", "__Host-session"

SAFE_METHODS = frozenset({"GET", "HEAD"})

_VISIT = "visit"
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?")

RENEWALS = 2
"""Of a token that a service refuses: the successor that another tab got, then one of auth."""
TOKEN_REFUSED = frozenset(
    {"token-expired", "token-invalid", "token-missing", "token-revoked", "unauthenticated"}
)
"""Codes of a service that does not take the access token; a wrong password is another one."""
TOO_MANY = N_("Too many attempts.")
NOT_DONE = N_("This could not be done. Look at the page again, and repeat what you wanted.")

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
        """Where a visitor whose form needs a sign-in goes on after it; the cart otherwise."""
        self.copies_at_purchase: int | None = None
        """Copies in a customer's cart, where it was asked for."""
        self._before = _content(session)
        self._deadline = asyncio.get_running_loop().time() + services.settings.page_timeout_seconds

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
    def signed_in(self) -> SignedIn | None:
        return self.session.signed_in

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
        return Caller(self.language, address, deadline=self._deadline)

    async def as_customer(self, call: Callable[[Caller], Awaitable[T]]) -> T:
        """Call a service with the visitor's access token, renewed where it must be.

        Raises `SignInNeeded` where nobody has signed in, or the session has ended.
        """
        signed_in = self.session.signed_in
        if signed_in is None:
            raise SignInNeeded(self._way_back)
        tokens, caller = self.services.tokens, self.caller
        try:
            signed_in = self.session.signed_in = await tokens.fresh(signed_in, caller)
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

    @property
    def _way_back(self) -> str:
        """Where the visitor goes on after signing in. A form that was sent is not repeated."""
        if self.request.method in SAFE_METHODS:
            return self.here
        return self.returns_to or self.url("cart")

    def tell(self, kind: str, message: str) -> None:
        """Show a text of the code on the next page."""
        self.session.tell(kind, self.gettext(message))

    def reason(self, refusal: Refused) -> str:
        """Why a service refused a whole form."""
        if refusal.status == 429 and refusal.retry_after:
            from functions.storefront.rendering import try_again  # noqa: PLC0415 - loads Jinja

            wait = try_again(refusal.retry_after, self.language)
            return f"{self.gettext(TOO_MANY)} {wait}"
        return refusal.problem.detail

    def tell_refusal(self, refusal: Refused) -> None:
        """Show on the next page why a service refused."""
        self.session.tell(PROBLEM, self.reason(refusal) or self.gettext(NOT_DONE))

    def page(self, template: str, status: int = 200, **context: Any) -> Response[bytes]:
        """Render a page; messages are shown with it, once."""
        from functions.storefront.rendering import render  # noqa: PLC0415 - loads Jinja

        messages, self.session.messages = self.session.messages, []
        content = render(self.language, template, visit=self, messages=messages, **context)
        headers = {"content-language": self.language, "vary": "Cookie, Accept-Language"}
        return self._remembering(
            Response(content.encode(), status_code=status, media_type="text/html", headers=headers)
        )

    def redirect(self, path: str) -> Response[bytes]:
        """303: the browser gets another page, and Back does not send the form again."""
        return self._remembering(
            Response(b"", status_code=303, media_type="text/html", headers={"location": path})
        )

    def _remembering(self, response: Response[bytes]) -> Response[bytes]:
        """With the session in its cookie, where it has changed."""
        changed = self.session.outdated or _content(self.session) != self._before
        is_personal = changed or self.session.signed_in is not None or bool(self.session.cart)
        # The answer to a form may show again what was typed.
        if is_personal or self.request.method not in SAFE_METHODS:
            response.headers["cache-control"] = "private, no-store"
        else:
            response.headers.setdefault("cache-control", "no-cache")
        if changed:
            settings = self.services.settings
            empty = _content(self.session) == _content(Session())
            response.set_cookie(
                Cookie(
                    key=_cookie_name(self.services),
                    value="" if empty else self.services.sessions.seal(self.session),
                    path="/",
                    max_age=0 if empty else int(LIFETIME.total_seconds()),
                    secure=settings.cookie_is_secure,
                    httponly=True,
                    samesite="lax",
                )
            )
        return response


def _cookie_name(services: StorefrontServices) -> str:
    return SECURE_COOKIE if services.settings.cookie_is_secure else COOKIE


def _content(session: Session) -> tuple[object, ...]:
    return (
        session.language,
        tuple(session.cart.lines.items()),
        tuple(session.messages),
        session.signed_in,
        session.reset_token,
    )


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
    session = services.sessions.open(request.cookies.get(_cookie_name(services)))
    visit = Visit(request, language or chosen_language(request, session), session, services)
    request.scope["state"][_VISIT] = visit
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
        session = services.sessions.open(request.cookies.get(_cookie_name(services)))
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
