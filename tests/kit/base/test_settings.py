"""Settings from a mapping, and everything that is wrong with them at once."""

import pytest

from functions.kit.base.settings import (
    BadSettings,
    Environment,
    ExposedAPI,
    LogFormat,
    Secret,
    ServiceSettings,
)


def read(**environ: str) -> ServiceSettings:
    return ServiceSettings.from_mapping(environ)


def test_an_empty_environment_is_enough() -> None:
    """For development, with the embedded database and both doors."""
    settings = read()

    assert (settings.environment, settings.exposed_api) == (
        Environment.DEVELOPMENT,
        ExposedAPI.BOTH,
    )
    assert not settings.database_url


def test_each_variable_is_read_as_its_fields_type() -> None:
    """Other variables of the environment are none of its business."""
    settings = read(
        EXPOSED_API="internal",
        LOG_FORMAT="json",
        LOG_LEVEL="DEBUG",
        AUTO_MIGRATE="false",
        AUTH_URL="https://auth.example/prefix",
        DATABASE_URL="mysql://shop:hunter2@db:3306/auth",
        PATH="/usr/bin",
    )

    assert (settings.exposed_api, settings.log_format) == (ExposedAPI.INTERNAL, LogFormat.JSON)
    assert (settings.log_level, settings.auto_migrate) == ("DEBUG", False)
    assert settings.database_url.reveal() == "mysql://shop:hunter2@db:3306/auth"


def test_every_wrong_variable_is_named_at_once() -> None:
    """Those of a wrong type and those that are wrong in the whole, each in a line."""
    with pytest.raises(BadSettings) as refused:
        read(
            EXPOSED_API="backdoor",
            LOG_LEVEL="LOUD",
            AUTO_MIGRATE="perhaps",
            AUTH_URL="auth:5000",
            K_SINK="amqp://broker",
            LOG_FORMAT="",
            DATABASE_URL="postgres://db",
        )
    lines = str(refused.value).splitlines()[1:]

    assert sorted(line.strip().partition(":")[0] for line in lines) == [
        "AUTH_URL",
        "AUTO_MIGRATE",
        "DATABASE_URL",
        "EXPOSED_API",
        "K_SINK",
        "LOG_FORMAT",
        "LOG_LEVEL",
    ]


@pytest.mark.parametrize(
    "url", ["http://auth/", "http://", "auth", "ftp://auth", "http://a b", "http://auth?x=1"]
)
def test_an_address_that_paths_cannot_be_appended_to_is_refused(url: str) -> None:
    """`http://auth/` would ask for `http://auth//.well-known/jwks.json`."""
    with pytest.raises(BadSettings, match="AUTH_URL"):
        read(AUTH_URL=url)


def test_production_needs_a_database() -> None:
    """The embedded file would be gone with the pod."""
    with pytest.raises(BadSettings, match="DATABASE_URL"):
        read(ENVIRONMENT="production")

    assert read(ENVIRONMENT="production", DATABASE_URL="mysql://u:p@db/auth").production


def test_a_secret_is_never_shown() -> None:
    """Not in its own repr, nor in that of the settings, nor in an error about them."""
    secret = "mysql://shop:hunter2@db/auth"
    shown = [repr(Secret(secret)), str(Secret(secret)), f"{Secret(secret)}"]
    shown.append(repr(read(DATABASE_URL=secret)))
    with pytest.raises(BadSettings) as refused:
        read(DATABASE_URL="postgres://shop:hunter2@db/auth", EXPOSED_API="backdoor")
    shown.append(str(refused.value))

    assert [text for text in shown if "hunter2" in text] == []


def test_secrets_are_compared_by_value() -> None:
    """And an empty one is false, as an empty text is."""
    assert Secret("a") == Secret("a")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert [bool(Secret("")), bool(Secret("a"))] == [False, True]


@pytest.mark.parametrize(
    ("exposed", "public", "internal"),
    [
        (ExposedAPI.PUBLIC, True, False),
        (ExposedAPI.INTERNAL, False, True),
        (ExposedAPI.BOTH, True, True),
    ],
)
def test_the_apis_are_served_one_by_one(exposed: ExposedAPI, public: bool, internal: bool) -> None:
    """Or both, on one machine."""
    assert (exposed.public, exposed.internal) == (public, internal)


@pytest.mark.parametrize("old", ["public", "internal", "both"])
def test_the_old_name_of_a_variable_is_refused_with_the_new_one(old: str) -> None:
    """To ignore `DOORS` would open the internal API to the world."""
    with pytest.raises(BadSettings, match="DOORS: is called EXPOSED_API now"):
        read(DOORS=old)
