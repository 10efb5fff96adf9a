"""How many files a server may open; what it does with them is in tests/security/test_crowds.py."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

RAISED = """
import resource, sys
soft, hard, wanted = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
from functions.kit.start.serve import raise_file_limit
print(raise_file_limit(wanted), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "expected"),
    [
        (100, 500, 300, "300 300 500"),
        (100, 200, 300, "200 200 200"),
        (400, 500, 300, "300 400 500"),
        (200, 200, 300, "200 200 200"),
    ],
)
def test_the_limit_is_raised_as_far_as_the_system_allows(
    soft: int, hard: int, wanted: int, expected: str
) -> None:
    """And never lowered: what is answered is what may be used."""
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", RAISED, str(soft), str(hard), str(wanted)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == expected
