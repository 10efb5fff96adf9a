"""`python -m functions.storefront.build`: what an image holds besides the sources.

Compiled templates and catalogues, and brotli beside the static files. `--extract` instead brings
`locale/*/LC_MESSAGES/storefront.po` up to date with the texts of templates and code: new ones are
added without a translation, which a test refuses.
"""

import argparse
import io
from importlib import import_module
from pathlib import Path
from typing import Any

from functions.storefront import assets, rendering, translations

HERE = Path(__file__).parent

KEYWORDS = {"_": None, "N_": None, "gettext": None, "tell": (2,), "ngettext": (1, 2)}
"""Functions whose arguments are texts to translate."""


def build() -> None:
    """Raises `ImportError` where Babel or brotli is missing."""
    brotli = import_module("brotli")  # at build only

    environment = rendering.environment("en")
    environment.compile_templates(rendering.COMPILED, zip=None, ignore_errors=False)
    for source in sorted(translations.FOLDER.glob("*/LC_MESSAGES/*.po")):
        source.with_suffix(".mo").write_bytes(translations.compile_catalogue(source))
    for name, asset in assets.assets().items():
        (assets.FOLDER / f"{name}.br").write_bytes(brotli.compress(asset.content, quality=11))


def extract() -> None:
    """Write the catalogues anew, with their translations."""
    from babel.messages.pofile import read_po, write_po  # noqa: PLC0415

    template = messages()
    for source in sorted(translations.FOLDER.glob("*/LC_MESSAGES/*.po")):
        with source.open("rb") as file:
            catalogue = read_po(file)
        catalogue.update(template, no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        written = io.BytesIO()
        write_po(
            written, catalogue, omit_header=False, sort_output=True, no_location=True, width=96
        )
        source.write_bytes(written.getvalue())


def messages() -> Any:
    """The texts of templates and code, as a catalogue without translations."""
    from babel.messages.catalog import Catalog  # noqa: PLC0415
    from babel.messages.extract import extract_from_dir  # noqa: PLC0415

    found = Catalog(project="bookstore storefront", charset="utf-8")
    mapping = [("**.py", "python"), ("templates/**.html", "jinja2")]
    options = {"templates/**.html": {"trimmed": "true"}}
    for _, _, message, comments, context in extract_from_dir(
        HERE, mapping, options, keywords=KEYWORDS
    ):
        found.add(message, None, auto_comments=comments, context=context)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="functions.storefront.build", description=__doc__)
    parser.add_argument("--extract", action="store_true", help="update the catalogues instead")
    if parser.parse_args().extract:
        extract()
    else:
        build()


if __name__ == "__main__":
    main()
