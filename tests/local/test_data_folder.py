"""The data folder knows its own, and deletes nothing else."""

from pathlib import Path

import pytest

from functions.local.data_folder import DataFolder
from functions.local.errors import DataFolderError


def test_a_folder_that_a_service_began_by_itself_is_taken_over(tmp_path: Path) -> None:
    """Each service puts its database there when it is started by hand."""
    (tmp_path / "auth.db").write_text("data")
    (tmp_path / "auth.db-wal").write_text("")

    with DataFolder(tmp_path).in_use(fresh=False):
        pass

    assert (tmp_path / "auth.db").read_text() == "data"


def test_fresh_does_not_follow_a_link_out_of_the_folder(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("stamp", ["", "[]", '{"kind": "other"}'])
def test_a_stamp_that_is_not_ours_is_foreign(stamp: str, tmp_path: Path) -> None:
    (tmp_path / "bookstore.json").write_text(stamp)

    with (
        pytest.raises(DataFolderError, match="is no data folder"),
        DataFolder(tmp_path).in_use(fresh=True),
    ):
        pass
