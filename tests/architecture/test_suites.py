"""What runs on which database, and that no suite is lost when files move."""

from tests.architecture.services import ROOT
from tests.conftest import ON_MYSQL_TOO


def test_every_suite_that_runs_on_mysql_exists() -> None:
    """A file that was moved would otherwise run on two databases only, and nothing would fail."""
    missing = [path for path in ON_MYSQL_TOO if not (ROOT / path).is_file()]

    assert missing == []
