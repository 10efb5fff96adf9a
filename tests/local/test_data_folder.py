"""A data folder is recognised by its marker; files of other folders are never deleted."""

from pathlib import Path

import pytest

from functions.local.data_folder import DataFolder
from functions.local.errors import DataFolderError


def test_a_folder_that_a_service_created_is_accepted(tmp_path: Path) -> None:
    """A service that is started by hand creates its database there."""
    (tmp_path / "auth.db").write_text("data")
    (tmp_path / "auth.db-wal").write_text("")

    with DataFolder(tmp_path).in_use(fresh=False):
        pass

    assert (tmp_path / "auth.db").read_text() == "data"


def test_fresh_deletes_a_link_but_not_its_target(tmp_path: Path) -> None:
    """A symbolic link in the data folder is removed; the files in the linked folder are kept."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("data")
    folder = DataFolder(tmp_path / "data")
    with folder.in_use(fresh=False):
        (folder.path / "link").symlink_to(outside)

    with folder.in_use(fresh=True):
        pass

    assert (outside / "precious").read_text() == "data"
    assert not (folder.path / "link").is_symlink()


@pytest.mark.parametrize("marker", ["", "[]", '{"kind": "other"}'])
def test_a_folder_with_another_marker_is_refused(marker: str, tmp_path: Path) -> None:
    """A bookstore.json of another kind raises `DataFolderError`, even with `fresh`."""
    (tmp_path / "bookstore.json").write_text(marker)

    with (
        pytest.raises(DataFolderError, match="is not a data folder"),
        DataFolder(tmp_path).in_use(fresh=True),
    ):
        pass
