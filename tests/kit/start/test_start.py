"""An image's command and its two variables; tests/cluster/test_image.py starts each image by it."""

import pytest

from functions.kit.start.__main__ import factory, port


@pytest.mark.parametrize("text", ["abc", "-1", "0", "8080 ", "65536", "٨٠", "9" * 5000])
def test_a_port_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """A PORT other than 1 to 65535 in ASCII digits ends the process with an error message."""
    monkeypatch.setenv("PORT", text)

    with pytest.raises(SystemExit, match="PORT must be a number"):
        port()


def test_the_port_is_knatives_or_8080(monkeypatch: pytest.MonkeyPatch) -> None:
    """PORT, which Knative sets, is used; without it, or with an empty one, the port is 8080."""
    monkeypatch.delenv("PORT", raising=False)
    assert port() == 8080
    for text, expected in (("", 8080), ("65535", 65535)):
        monkeypatch.setenv("PORT", text)
        assert port() == expected


@pytest.mark.parametrize("name", [None, "", "../auth", "auth.app"])
def test_a_service_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, name: str | None) -> None:
    """A SERVICE that is missing, empty or no plain name ends the process with an error message."""
    monkeypatch.delenv("SERVICE", raising=False)
    if name is not None:
        monkeypatch.setenv("SERVICE", name)

    with pytest.raises(SystemExit, match="SERVICE must name"):
        factory()
