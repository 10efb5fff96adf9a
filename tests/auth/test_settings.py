import pytest

from functions.auth.settings import AuthSettings
from functions.kit.base.settings import BadSettings

PRODUCTION = {
    "ENVIRONMENT": "production",
    "DATABASE_URL": "mysql://auth:secret@db/auth",
    "KEY_ENCRYPTION_SECRET": "k" * 32,
}


def test_nothing_set_is_enough_to_try_it_out() -> None:
    """Development has a default for everything."""
    settings = AuthSettings.from_mapping({})

    assert settings.login_limit == (10, 900)
    assert settings.access_token_seconds == 900
    assert settings.refresh_token_days == 30


def test_production_starts_with_a_secret() -> None:
    """An admin is optional, since a command creates one."""
    assert AuthSettings.from_mapping(PRODUCTION).production


@pytest.mark.parametrize(
    ("changes", "variable"),
    [
        ({"KEY_ENCRYPTION_SECRET": ""}, "KEY_ENCRYPTION_SECRET"),
        ({"KEY_ENCRYPTION_SECRET": "k" * 31}, "KEY_ENCRYPTION_SECRET"),
        ({"FIRST_ADMIN_EMAIL": "a@example.com"}, "FIRST_ADMIN_EMAIL"),
        ({"FIRST_ADMIN_PASSWORD": "eine lange frase"}, "FIRST_ADMIN_EMAIL"),
        (
            {"FIRST_ADMIN_EMAIL": "nobody", "FIRST_ADMIN_PASSWORD": "eine lange frase"},
            "FIRST_ADMIN_EMAIL",
        ),
        (
            {"FIRST_ADMIN_EMAIL": "a@example.com", "FIRST_ADMIN_PASSWORD": "eleven char"},
            "FIRST_ADMIN_PASSWORD",
        ),
        (
            {"FIRST_ADMIN_EMAIL": "a@example.com", "FIRST_ADMIN_PASSWORD": "password1234"},
            "FIRST_ADMIN_PASSWORD",
        ),
        ({"ACCESS_TOKEN_SECONDS": "86400"}, "ACCESS_TOKEN_SECONDS"),
        ({"LOGIN_TRIES": "0"}, "LOGIN_TRIES"),
        ({"STOREFRONT_URL": "shop.example"}, "STOREFRONT_URL"),
        ({"STOREFRONT_URL": "http://shop.example"}, "STOREFRONT_URL"),
        ({"STOREFRONT_URL": "https://shop.example/"}, "STOREFRONT_URL"),
        ({"STOREFRONT_URL": "https://user:eleven char@shop.example"}, "STOREFRONT_URL"),
        ({"PASSWORD_RESETS_PER_ACCOUNT": "0"}, "PASSWORD_RESETS_PER_ACCOUNT"),
    ],
)
def test_production_refuses_what_would_be_unsafe(changes: dict[str, str], variable: str) -> None:
    """The message names the variable, and shows no value of a secret."""
    with pytest.raises(BadSettings) as caught:
        AuthSettings.from_mapping(PRODUCTION | changes)

    message = str(caught.value)
    assert f"  {variable}" in message
    assert "eleven char" not in message
    assert "kkkk" not in message


def test_a_short_secret_is_refused_in_development_too() -> None:
    """An empty one is permitted in development; a short one is refused."""
    with pytest.raises(BadSettings):
        AuthSettings.from_mapping({"KEY_ENCRYPTION_SECRET": "short"})


def test_links_begin_with_the_storefronts_address() -> None:
    """Development has the local one by default; production has none, and no links."""
    own = {"STOREFRONT_URL": "https://shop.example/books"}

    assert AuthSettings.from_mapping({}).link_base == "http://127.0.0.1:8000"
    assert AuthSettings.from_mapping(PRODUCTION).link_base is None
    assert AuthSettings.from_mapping(PRODUCTION | own).link_base == "https://shop.example/books"
