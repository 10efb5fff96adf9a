"""The factory of the service, which the runner starts."""

from typing import Any

from tests.local.stub_shop.service import make_app


def create_app() -> Any:
    return make_app("notifications")
