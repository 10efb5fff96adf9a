"""The server's errors: their kinds, and that no value gets into a message."""

import pytest
from piccolo.engine.exceptions import TransactionError as PiccoloTransactionError
from pymysql import err

from functions.kit.mysql import errors
from functions.kit.mysql.failures import connect_failure, translate_failure


def every_error() -> list[type[errors.DatabaseError]]:
    found = [errors.DatabaseError]
    for kind in found:
        found.extend(kind.__subclasses__())
    return found


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1040, errors.TooManyConnections),
        (1045, errors.AccessDenied),
        (1049, errors.UnknownDatabase),
        (1053, errors.ConnectionLost),
        (1062, errors.DuplicateKey),
        (1064, errors.ProgrammingError),
        (1146, errors.ProgrammingError),
        (1205, errors.LockTimeout),
        (1213, errors.Deadlock),
        (1264, errors.DataError),
        (1406, errors.DataError),
        (1452, errors.IntegrityError),
        (2013, errors.ConnectionLost),
        (4031, errors.ConnectionLost),
        (3819, errors.IntegrityError),
        (9999, errors.OperationalError),
    ],
)
def test_an_error_number_has_a_kind(code: int, kind: type[errors.DatabaseError]) -> None:
    """The number is kept as `code`; an unknown one becomes `OperationalError`."""
    failure = translate_failure(err.OperationalError(code, "something"))

    assert kind is type(failure)
    assert code == failure.code


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (1062, "Duplicate entry 'alice@example.com' for key 'users.email'"),
        (1064, "You have an error near 'alice@example.com' at line 1"),
        (1292, "Incorrect datetime value: 'alice@example.com' for column `b`"),
        (1366, "Incorrect integer value: 'alice@example.com' for column"),
        (9999, "alice@example.com"),
    ],
)
def test_no_value_gets_into_a_message(code: int, text: str) -> None:
    """MySQL quotes values of rows in its messages, and messages are logged."""
    assert "alice" not in str(translate_failure(err.OperationalError(code, text)))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Duplicate entry 'a' for key 'users.email'", "email"),
        ("Duplicate entry 'a' for key 'email'", "email"),
        ("Duplicate entry 'for key 'b'' for key 'users.PRIMARY'", "PRIMARY"),
        ("in another language", None),
    ],
)
def test_a_duplicate_tells_its_key(text: str, key: str | None) -> None:
    """`key` omits the table's name, and is None if the server's message has another form."""
    failure = translate_failure(err.IntegrityError(1062, text))

    assert isinstance(failure, errors.DuplicateKey)
    assert key == failure.key


def test_whatever_happens_while_connecting_is_a_failure_to_connect() -> None:
    """The number of a `ProgrammingError` becomes `CannotConnect` while the connection opens."""
    assert errors.CannotConnect is type(connect_failure(err.OperationalError(1064, "x")))


def test_no_error_is_a_runtime_error() -> None:
    """Piccolo's run_sync takes a RuntimeError for a missing loop, and runs the query again."""
    assert [kind for kind in every_error() if issubclass(kind, RuntimeError)] == []


def test_the_tree_in_the_docstring_names_every_error() -> None:
    """The docstring of `errors` contains the name of each subclass of `DatabaseError`."""
    assert [kind.__name__ for kind in every_error() if kind.__name__ not in errors.__doc__] == []


def test_a_transaction_error_is_piccolos_too() -> None:
    """Code that catches Piccolo's `TransactionError` also catches the one of this engine."""
    assert issubclass(errors.TransactionError, PiccoloTransactionError)
