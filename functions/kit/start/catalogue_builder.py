"""Compiles a service's catalogues for its image, and brings them up to date with its texts.

Only `build.py` of a service imports it. It needs all of Babel, which an image does not hold.
"""

import argparse
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from functions.kit.base.catalogues import compile_catalogue


@dataclass(frozen=True)
class CatalogueBuilder:
    service: str
    """Its name is the domain of its catalogues."""
    folder: Path
    """Of the service, with `locale` and `templates`."""
    templates: str
    """Pattern of the templates in the folder, such as `templates/**.html`."""
    keywords: Mapping[str, tuple[int, ...] | None]
    """Functions whose arguments are texts to translate, as Babel has them."""

    @property
    def sources(self) -> list[Path]:
        return sorted((self.folder / "locale").glob("*/LC_MESSAGES/*.po"))

    def compile(self) -> None:
        for source in self.sources:
            source.with_suffix(".mo").write_bytes(compile_catalogue(source))

    def update(self) -> None:
        """Write the catalogues anew, with their translations; new texts have none."""
        from babel.messages.pofile import read_po, write_po  # noqa: PLC0415

        template = self.messages()
        for source in self.sources:
            with source.open("rb") as file:
                catalogue = read_po(file)
            catalogue.update(template, no_fuzzy_matching=True)
            catalogue.obsolete.clear()
            written = io.BytesIO()
            write_po(
                written, catalogue, omit_header=False, sort_output=True, no_location=True, width=96
            )
            source.write_bytes(written.getvalue())

    def messages(self) -> Any:
        """The texts of templates and code, as a catalogue without translations."""
        from babel.messages.catalog import Catalog  # noqa: PLC0415
        from babel.messages.extract import extract_from_dir  # noqa: PLC0415

        found = Catalog(project=f"bookstore {self.service}", charset="utf-8")
        mapping = [("**.py", "python"), (self.templates, "jinja2")]
        options = {self.templates: {"trimmed": "true"}}
        for _, _, message, comments, context in extract_from_dir(
            self.folder, mapping, options, keywords=self.keywords
        ):
            found.add(message, None, auto_comments=comments, context=context)
        return found

    def main(self, build: Callable[[], None], description: str | None) -> None:
        """The command of a service's `build.py`: `build`, or with `--extract` an update."""
        parser = argparse.ArgumentParser(
            prog=f"functions.{self.service}.build", description=description
        )
        parser.add_argument("--extract", action="store_true", help="update the catalogues instead")
        if parser.parse_args().extract:
            self.update()
        else:
            build()
