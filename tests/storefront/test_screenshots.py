"""The pictures that the READMEs show are there, small, and described."""

import re
from pathlib import Path

import pytest

from tests.storefront.browser.running import ROOT
from tests.storefront.browser.screenshots import FOLDER, MAX_BYTES, PICTURES

IMAGE = re.compile(r'<img src="(?P<path>[^"]+)" width="\d+" alt="(?P<alt>[^"]+)">')


@pytest.mark.parametrize("name", ["README.md", "README.es.md"])
def test_a_readme_shows_every_picture_with_its_description(name: str) -> None:
    """And none that `nox -s screenshots` does not take."""
    shown = {image["path"]: image["alt"] for image in IMAGE.finditer((ROOT / name).read_text())}

    assert sorted(shown) == sorted(f"docs/screenshots/{each.name}.png" for each in PICTURES)
    assert min(map(len, shown.values())) > 40


def test_the_pictures_are_there_and_small() -> None:
    """PNG files of at most 150 KiB, and nothing else in their folder."""
    files = {path.name: path for path in Path(FOLDER).iterdir()}

    assert sorted(files) == sorted(f"{each.name}.png" for each in PICTURES)
    for path in files.values():
        assert path.read_bytes().startswith(b"\x89PNG\r\n")
        assert path.stat().st_size <= MAX_BYTES
