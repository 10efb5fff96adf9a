"""URLs and keywords: what is understood, what is refused, and that no password is shown."""

import pytest

from functions.kit.mysql import MySQLEngine, Options
from functions.kit.mysql.errors import DatabaseError, InvalidOptions

SECRET = "s3cret"


def test_a_url_holds_everything() -> None:
    """Percent-encoded parts are decoded, and `query_timeout=none` means no limit."""
    options = Options.from_url(
        "mysql://some%40one:p%2Fw@db.example:3307/shop?pool_size=3&query_timeout=none&ssl=required"
    )

    assert (
        options.host,
        options.port,
        options.user,
        options.password,
        options.database,
    ) == ("db.example", 3307, "some@one", "p/w", "shop")
    assert (options.pool_size, options.query_timeout, options.ssl) == (3, None, "required")


def test_what_a_url_leaves_out_has_a_default() -> None:
    """A URL with the host `localhost` alone gives the same options as `Options()`."""
    options = Options.from_url("mysql://localhost")

    assert Options() == options


@pytest.mark.parametrize("text", ["true", "1"])
def test_tls_that_is_merely_switched_on_verifies_the_server(text: str) -> None:
    """`ssl=true` and `ssl=1` mean `verify_identity`, the strictest mode."""
    assert Options.from_url(f"mysql://localhost/?ssl={text}").ssl == "verify_identity"


def test_keywords_win_over_the_url() -> None:
    """A keyword replaces the URL's database as well as its query parameters."""
    engine = MySQLEngine("mysql://localhost/a?pool_size=2", pool_size=4, database="b")

    assert (engine.options.pool_size, engine.options.database) == (4, "b")


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        (f"postgres://u:{SECRET}@localhost/x", "must begin with mysql://"),
        (f"mysql://u:{SECRET}@/x", "names no host"),
        (f"mysql://u:{SECRET}@localhost:port/x", "cannot be read"),
        (f"mysql://u:{SECRET}/@localhost/x", "cannot be read"),
        (f"mysql://u:{SECRET}[@localhost/x", "cannot be read"),
        (f"mysql://u:{SECRET}@localhost/x#y", "'#'"),
        (f"mysql://u:{SECRET}@localhost/x/y", "more than one path segment"),
        (f"mysql://u:{SECRET}@localhost/x?pool_size=many", "pool_size"),
        (f"mysql://u:{SECRET}@localhost/x?pool_size=0", "pool_size"),
        (f"mysql://u:{SECRET}@localhost/x?pool_size=1.5", "pool_size"),
        (f"mysql://u:{SECRET}@localhost/x?connect_timeout=0", "connect_timeout"),
        (f"mysql://u:{SECRET}@localhost/x?query_timeout=0", "query_timeout"),
        (f"mysql://u:{SECRET}@localhost/x?ssl=preferred", "ssl must be one of"),
        (f"mysql://u:{SECRET}@localhost/x?ssl_ca=/nowhere", "ssl is disabled"),
        (f"mysql://u:{SECRET}@localhost/x?ssl=true&ssl_ca=/dev/null/ca", "cannot be read"),
        (f"mysql://u:{SECRET}@localhost/x?ssl=true&ssl_key=/dev/null", "ssl_key needs ssl_cert"),
        (f"mysql://u:{SECRET}@localhost/x?kill_cancelled=perhaps", "kill_cancelled"),
        (f"mysql://u:{SECRET}@localhost/x?colour=blue", "'colour'"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_its_password(
    url: str, complaint: str
) -> None:
    """`InvalidOptions` names the fault, and has no cause whose message could contain the URL."""
    with pytest.raises(InvalidOptions, match=complaint) as caught:
        MySQLEngine(url)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, DatabaseError)


def test_an_unknown_keyword_is_refused() -> None:
    """A keyword that is no option raises `InvalidOptions` with its name."""
    with pytest.raises(InvalidOptions, match="'colour'"):
        MySQLEngine(colour="blue")


def test_the_password_is_not_in_the_repr() -> None:
    """Logs and tracebacks may contain the `repr()` of the options."""
    assert SECRET not in repr(Options(password=SECRET))
