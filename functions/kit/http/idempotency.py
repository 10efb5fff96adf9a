"""The `Idempotency-Key` header: reads it, and answers a retry with the stored response.

Keys and answers are stored by `data/idempotency_keys.py`.
Source: the IETF draft "The Idempotency-Key HTTP Header Field".
"""

import contextlib
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec
from litestar import Response
from litestar.enums import MediaType

from functions.kit.base.errors import FieldError, InvalidInput, Text
from functions.kit.data.idempotency_keys import Answer, Scope, run_once
from functions.kit.http import problems
from functions.kit.http.operations import Header
from functions.kit.http.requests import AuthenticatedRequest
from functions.kit.http.responses import JSONResponse
from functions.kit.http.services import Services, services_of

T = TypeVar("T")

HEADER = "idempotency-key"

KEY = r"[\x21-\x7e]{1,200}"
_KEY = re.compile(KEY)

IDEMPOTENCY_KEY = Header(
    "Idempotency-Key", "Makes it safe to send the same request again", {"pattern": f"^{KEY}$"}
)
IDEMPOTENCY_REPLAYED = Header("Idempotency-Replayed", "`true` for a stored answer, sent again")


def scope_of(
    headers: Mapping[str, str], *, user_id: int, route: str, body: bytes, required: bool = False
) -> Scope | None:
    """The scope of a request's key; None if it has no key.

    Raises `InvalidInput` for a malformed key, and for a missing one if it is `required`.
    """
    key = headers.get(HEADER)
    if key is None:
        if required:
            raise InvalidInput(
                Text(
                    "Envíe la cabecera Idempotency-Key, por ejemplo un UUID nuevo; con ella se"
                    " puede repetir la solicitud sin riesgo.",
                    "Send an Idempotency-Key header, such as a new UUID; it makes a retry safe.",
                ),
                errors=[FieldError("Idempotency-Key", Text("falta", "is missing"))],
            )
        return None
    if not _KEY.fullmatch(key):
        raise InvalidInput(
            Text(
                "Idempotency-Key tiene de 1 a 200 caracteres visibles de ASCII, como un UUID.",
                "An Idempotency-Key has 1 to 200 visible ASCII characters, such as a UUID.",
            ),
            errors=[FieldError("Idempotency-Key", Text("está mal formada", "is malformed"))],
        )
    return Scope(user_id, route, key, hashlib.sha256(body).hexdigest())


class _Refusal(msgspec.Struct):
    code: str


def answer_response(answer: Answer) -> Response[Any]:
    """The response of an answer; a stored one is sent again byte for byte.

    A stored refusal is recorded with its reason, as a new one is.
    """
    if answer.status >= 400:
        with contextlib.suppress(msgspec.MsgspecError):
            problems.current_problem.set(msgspec.json.decode(answer.body, type=_Refusal).code)
    headers = {"idempotency-replayed": "true"} if answer.replayed else None
    kind = problems.MEDIA_TYPE if answer.status >= 400 else MediaType.JSON
    return JSONResponse(answer.body, status_code=answer.status, media_type=kind, headers=headers)


async def respond_once(
    request: AuthenticatedRequest,
    route: str,
    command: Callable[[], Awaitable[T]],
    render: Callable[[T], tuple[int, bytes]],
    *,
    required: bool = False,
) -> Response[Any]:
    """Run a command once for the request's `Idempotency-Key`, which may be `required`."""
    scope = scope_of(
        request.headers,
        user_id=request.user.user_id,
        route=route,
        body=await request.body(),
        required=required,
    )
    services = services_of(request, Services)
    return answer_response(
        await run_once(services.database, scope, command, render, clock=services.clock)
    )
