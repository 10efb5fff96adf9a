"""Whose tests go to one process."""

import pytest

from tests.faults.scheduling import ByShop


@pytest.mark.parametrize(
    ("test", "scope"),
    [
        ("tests/faults/test_sales.py::test_a[sqlite-1]", "tests/faults[sqlite]"),
        ("tests/faults/test_zero.py::test_b[mysql]", "tests/faults[mysql]"),
        ("tests/faults/test_zero.py::test_b[mariadb-2]", "tests/faults[mariadb]"),
        ("tests/faults/test_scheduling.py::test_c", "tests/faults/test_scheduling.py"),
        ("tests/kit/test_relay.py::test_d[sqlite]", "tests/kit/test_relay.py"),
    ],
)
def test_by_shop_else_by_file(test: str, scope: str) -> None:
    """Tests of tests/faults on one kind of database run in one process; any other by its file."""
    assert scope == ByShop.__new__(ByShop)._split_scope(test)
