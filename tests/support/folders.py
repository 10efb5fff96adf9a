"""Folders that are kept as bytes, and filled again for each test."""

from pathlib import Path


def contents_of(folder: Path) -> dict[str, bytes]:
    """The files of a folder and of those in it, by their paths from there."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def fill(folder: Path, contents: dict[str, bytes]) -> None:
    """Write the files. Raises `FileExistsError` if one is there."""
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(content)
