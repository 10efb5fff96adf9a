"""The mails that a shop on one machine has sent, for people who try it out.

Only where `MAILBOX_URL` is set, which production refuses. The HTML part of a mail is a page of its
own: its policy puts it into a sandbox without scripts, forms and requests to any host.
"""

from litestar import Response, get

from functions.kit.http.requests import AnyRequest, PathId
from functions.storefront.clients.mailbox import Mail, MailboxClient
from functions.storefront.clients.service import Refused
from functions.storefront.errors import PageNotFound
from functions.storefront.visits import Visit, open_visit

SANDBOX = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none';"
    " style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Of a mail's HTML part: styles inside of it, and links, are all that works."""


def _mailbox(visit: Visit) -> MailboxClient:
    """Raises `PageNotFound` where there is no mailbox."""
    mailbox = visit.services.mailbox
    if mailbox is None:
        raise PageNotFound
    return mailbox


async def _mail(visit: Visit, number: int) -> Mail:
    """Raises `PageNotFound`."""
    try:
        return await _mailbox(visit).mail(visit.caller, number)
    except Refused as refusal:
        raise PageNotFound from refusal


@get("/dev/mail", include_in_schema=False)
async def mailbox(request: AnyRequest) -> Response[bytes]:
    """Lead to the mailbox in the visitor's language."""
    visit = open_visit(request)
    _mailbox(visit)
    response = visit.redirect(visit.url("dev", "mail"))
    response.status_code = 302
    return response


@get("/{language:str}/dev/mail", include_in_schema=False)
async def show_mailbox(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    mails = await _mailbox(visit).mails(visit.caller)
    return _private(visit.page("mailbox.html", mails=mails))


@get("/{language:str}/dev/mail/{number:int}", include_in_schema=False)
async def show_mail(request: AnyRequest, number: PathId) -> Response[bytes]:
    visit = open_visit(request)
    return _private(visit.page("mail.html", mail=await _mail(visit, number)))


@get("/{language:str}/dev/mail/{number:int}/html", include_in_schema=False)
async def show_html(request: AnyRequest, number: PathId) -> Response[bytes]:
    """The HTML part as a mail program would show it."""
    mail = await _mail(open_visit(request), number)
    if not mail.html:
        raise PageNotFound
    response = Response(
        mail.html.encode("utf-8", "replace"),
        media_type="text/html; charset=utf-8",
        headers={"content-security-policy": SANDBOX},
    )
    return _private(response)


def _private(response: Response[bytes]) -> Response[bytes]:
    """Not stored: a mail may have a link that resets a password."""
    response.headers["cache-control"] = "private, no-store"
    response.headers["referrer-policy"] = "no-referrer"
    return response


HANDLERS = (mailbox, show_mailbox, show_mail, show_html)
