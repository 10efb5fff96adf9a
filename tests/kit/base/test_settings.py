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
    """For development, with the embedded database and both APIs."""
    settings = read()

    assert (settings.environment, settings.exposed_api) == (
        Environment.DEVELOPMENT,
        ExposedAPI.BOTH,
    )
    assert not settings.database_url


def test_each_variable_is_converted_to_its_fields_type() -> None:
    """Variables that are not settings are ignored."""
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


def test_one_error_lists_every_invalid_variable() -> None:
    """Values of a wrong type, malformed URLs and invalid combinations, each in a line."""
    with pytest.raises(BadSettings) as refused:
        read(
            EXPOSED_API="backdoor",
            LOG_LEVEL="LOUD",
            AUTO_MIGRATE="perhaps",
            AUTH_URL="auth:5000",
            AUTH_INTERNAL_URL="http://auth:none",
            K_SINK="http://[::1",
            LOG_FORMAT="",
            DATABASE_URL="mysql://shop:hunter2@db:3306/auth?pool_size=many",
        )
    lines = str(refused.value).splitlines()[1:]

    assert sorted(line.strip().partition(":")[0] for line in lines) == [
        "AUTH_INTERNAL_URL",
        "AUTH_URL",
        "AUTO_MIGRATE",
        "DATABASE_URL",
        "EXPOSED_API",
        "K_SINK",
        "LOG_FORMAT",
        "LOG_LEVEL",
    ]


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("AUTO_MIGRATE", "perhaps", "must be true or false"),
        ("LOG_FORMAT", "xml", "must be one of: text, json"),
        ("CATCH_UP_SECONDS", "often", "must be a number"),
        ("TRUSTED_HOPS", "-1", "must be at least 0"),
        ("TRUSTED_HOPS", "", "is empty: leave it out, or give a value"),
        ("AUTH_URL", "http://auth/", "must be an address without a query and without a slash"),
        ("K_SINK", "http://broker:99999", "has a host or a port that cannot be read"),
        ("DATABASE_URL", "mysql:///auth", "the database URL names no host"),
        ("DATABASE_URL", "sqlite:///", "a SQLite URL is sqlite:///relative.db"),
    ],
)
def test_the_reason_is_a_sentence(variable: str, value: str, reason: str) -> None:
    """After the variable's name, and without msgspec's notation."""
    with pytest.raises(BadSettings) as refused:
        read(**{variable: value})

    assert f"  {variable}: {reason}" in str(refused.value)


def test_production_needs_a_database() -> None:
    """The embedded file would be gone with the pod."""
    with pytest.raises(BadSettings, match="DATABASE_URL"):
        read(ENVIRONMENT="production")

    assert read(ENVIRONMENT="production", DATABASE_URL="mysql://u:p@db/auth").production


@pytest.mark.parametrize(
    "url",
    [
        "postgres://shop:hunter2@db/auth",
        "mysql://shop:hunter2/@db:x/auth",
        "mysql://shop:hunter2#@db/auth",
        "mysql://shop:1?hunter2@db/auth",
        "mysql://shop:[hunter2@db/auth",
        "mysql://shop:hunter2@db/auth?pool_size=0",
        "mysql://shop:hunter2@db/a/b",
        "sqlite://shop:hunter2@db/auth",
    ],
)
def test_a_malformed_database_url_is_refused_without_its_password(url: str) -> None:
    """The error names the variable. A password may hold any reserved character by mistake."""
    with pytest.raises(BadSettings, match="DATABASE_URL: ") as refused:
        read(DATABASE_URL=url)

    assert "hunter2" not in str(refused.value)


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
    """An empty secret is false, as an empty text is."""
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
def test_a_process_exposes_one_api_or_both(
    exposed: ExposedAPI, public: bool, internal: bool
) -> None:
    """In a cluster one each; on one machine both."""
    assert (exposed.public, exposed.internal) == (public, internal)


@pytest.mark.parametrize("old", ["public", "internal", "both"])
def test_the_old_name_of_a_variable_is_refused_with_the_new_one(old: str) -> None:
    """Ignoring `DOORS` would expose the internal API."""
    with pytest.raises(BadSettings, match="DOORS: is called EXPOSED_API now"):
        read(DOORS=old)
