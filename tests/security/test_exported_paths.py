"""A path that a caller writes is not exported, although it may have a route."""

import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from litestar import Litestar

from functions.kit.http.middleware import _path_shown
from functions.kit.http.services import AppServices, services_of
from tests.architecture.services import APPS, app_of
from tests.servers.programs import free_port
from tests.support.apps import serving
from tests.support.routes import routes_of

SECRETS = ("ana@example.org", "hunter2", "eyJhbGciOiJFUzI1NiJ9.e30.c2ln", "Calle 8 #4-21", "%C3%B1")
_PARAMETER = re.compile(r"\{\w+\}")


@cache
def templates(service: str) -> list[str]:
    app: Litestar = app_of(service)
    return sorted({route.path for route in routes_of(app) if "{" in route.path})


@pytest.mark.parametrize("service", APPS)
@settings(deadline=None)
@given(secret=st.one_of(st.sampled_from(SECRETS), st.text(min_size=3)), number=st.integers(0))
def test_of_a_known_route_only_ids_are_shown(service: str, secret: str, number: int) -> None:
    """Whatever stands in the place of its parameters, in every route."""
    for template in templates(service):
        written = _PARAMETER.sub(lambda _: secret, template)
        with_ids = _PARAMETER.sub(str(number % 10**19), template)

        assert _path_shown(template, with_ids) == with_ids
        if not secret.isdigit():
            assert _path_shown(template, written) == template


@pytest.mark.parametrize("service", ["storefront", "auth"])
async def test_no_text_of_a_path_is_in_a_span(service: str, tmp_path: Path) -> None:
    """The storefront's first parameter is a language, so any word has a route."""
    app = app_of(
        service,
        DATABASE_URL=f"sqlite:///{tmp_path}/{service}.db",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}",
    )
    tracer = services_of(app, AppServices).tracer

    assert tracer is not None
    async with serving(app) as client:
        for template in ["/{any}", *templates(service)]:
            for secret in SECRETS:
                await client.get(_PARAMETER.sub(secret.replace("#", "%23"), template))
        exported = [(span.name, dict(span.attributes)) for span in tracer.finished]

    assert len(exported) > 2 * len(SECRETS)
    assert [each for each in exported if any(secret in str(each) for secret in SECRETS)] == []
