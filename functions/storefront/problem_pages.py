"""What a visitor sees when a page cannot be shown: what happened, and what to do.

The counterpart of `kit/http/problems.py`, for people. A fault of the storefront itself is logged
with its traceback and shown without it.
"""

import logging
from typing import Any

from litestar import Response
from litestar.exceptions import HTTPException

from functions.kit.base.errors import DomainError
from functions.kit.http.problems import STATUS, allow
from functions.kit.http.requests import AnyRequest
from functions.storefront.clients.service import Refused, ServiceAway
from functions.storefront.domain.form_fields import ACCOUNT
from functions.storefront.errors import (
    OtherAccount,
    PageProblem,
    RoleMissing,
    SignInNeeded,
    StepMissing,
)
from functions.storefront.forms import Form, form_of
from functions.storefront.visits import INFO, Visit, visit_of

logger = logging.getLogger(__name__)

PAGES = {400, 403, 404, 405, 409, 410, 413, 429, 503}
"""Statuses that have texts of their own."""

LAST_RESORT = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Error</title></head>
<body><h1>Something went wrong</h1><p>Algo ha fallado. / Please try again in a moment.</p>
<p><a href="/">Bookstore</a></p></body></html>
"""


def problem_page(request: AnyRequest, error: Exception) -> Response[bytes]:
    """The answer to an exception of a handler, of the router or of a middleware."""
    visit = visit_of(request)
    if isinstance(error, SignInNeeded):
        # The page of the sign-in deletes the tokens. This answer may be late: the browser may have
        # the tokens of another sign-in by now, and would lose them.
        mark = visit.signed_in.mark if error.ended and visit.signed_in is not None else ""
        unsent = _unsent(request, visit)
        if unsent is None:
            return visit.redirect(visit.url("sign-in", next=error.next_path, ended=mark))
        way = visit.url("sign-in", next=visit.url("account"), ended=mark)
        return visit.page("sign_in_first.html", status=401, way=way, unsent=unsent)
    if isinstance(error, StepMissing):
        if error.message is not None:
            visit.tell(INFO, error.message)
        return visit.redirect(error.path)
    status, detail, retry_after = _described(visit, error)
    if status >= 500 and not isinstance(error, ServiceAway):
        logger.error("a page failed", exc_info=error)
    try:
        response = visit.page(
            "problem.html",
            status=status,
            shown=status if status in PAGES else (500 if status >= 500 else 400),
            detail=detail,
            retry_after=retry_after,
            service=error.service if isinstance(error, ServiceAway) else None,
            unsent=_unsent_after(request, visit, error, status),
            other_account=isinstance(error, OtherAccount),
            refusal=visit.gettext(error.message) if isinstance(error, RoleMissing) else None,
        )
    except Exception:
        logger.exception("the page of a problem failed")
        return Response(LAST_RESORT.encode(), status_code=500, media_type="text/html")
    response.headers["cache-control"] = "no-store"
    if retry_after is not None:
        response.headers["retry-after"] = str(retry_after)
    for name, value in _headers(error).items():
        response.headers.setdefault(name, value)
    return response


def _headers(error: Exception) -> dict[str, str]:
    """Those that the router gives to a refusal."""
    given = error.headers if isinstance(error, HTTPException) else None
    headers = {name.lower(): str(value) for name, value in (given or {}).items()}
    if "allow" in headers:
        headers["allow"] = allow(headers["allow"].split(","))
    return headers


def _unsent(request: AnyRequest, visit: Visit) -> dict[str, str] | None:
    """The fields of a form with texts, to be sent again by the account that has sent them.

    A session that has ended still says whose it was.
    """
    form = form_of(request)
    if form is None or form.holds_secret or not visit.keeps_form:
        return None
    return form.kept(None if visit.signed_in is None else visit.signed_in.user_id)


def _unsent_after(
    request: AnyRequest, visit: Visit, error: Exception, status: int
) -> dict[str, str] | None:
    """The fields of a form that can be sent again as they were, after a problem.

    One with a password has to be filled in anew.
    """
    if request.method != "POST":
        return None
    form = form_of(request)
    if form is None and request.headers.get("content-length") == "0":
        form = Form({})  # a button without fields, which its handler does not read
    if form is None or form.holds_secret:
        return None
    if status == 503:
        return form.kept(None if visit.signed_in is None else visit.signed_in.user_id)
    if isinstance(error, OtherAccount):
        return form.kept(None)
    # The account has lost its role. The page offers to send the form with another account.
    keeps = isinstance(error, RoleMissing) and visit.keeps_form
    return form.shown(ACCOUNT) if keeps else None


def _described(visit: Visit, error: Exception) -> tuple[int, str | None, int | None]:
    """Status, a text of the service that refused, and the seconds to wait."""
    described: tuple[int, Any, Any] = (500, None, None)
    if isinstance(error, Refused):
        # The page says by itself how long to wait.
        detail = None if error.status == 429 else visit.text_of(error)
        described = (error.status, detail or None, error.retry_after)
    elif isinstance(error, ServiceAway):
        described = (503, None, error.retry_after)
    elif isinstance(error, PageProblem):
        described = (error.status, None, None)
    elif isinstance(error, DomainError):
        described = (STATUS[error.kind], None, error.retry_after)
    elif isinstance(error, HTTPException):
        described = (error.status_code, None, None)
    return described
