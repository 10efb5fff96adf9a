"""versions.toml, and version numbers as clusters write them."""

import tomllib

import pytest

from knative.ops.cli import versions


def test_every_pin_is_a_number() -> None:
    """No `latest` and no range: the same command installs the same platform."""
    parts = tomllib.loads(versions.FILE.read_text("utf-8"))["parts"]

    assert [p["name"] for p in parts if len(versions.parsed(p["version"])) != 3] == []


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("v1.34.2-eks-1234", (1, 34, 2)),
        ("knative-v1.23.0", (1, 23, 0)),
        ("1.36+", (1, 36)),
        ("latest", ()),
    ],
)
def test_versions(text: str, numbers: tuple[int, ...]) -> None:
    """The notations that clusters use."""
    assert versions.parsed(text) == numbers
