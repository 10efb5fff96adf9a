"""`python -m functions.storefront.build`: what an image holds besides the sources.

Compiled templates and catalogues, and brotli beside the static files. `--extract` instead brings
`locale/*/LC_MESSAGES/storefront.po` up to date with the texts of templates and code: new ones are
added without a translation, which a test refuses.
"""

from importlib import import_module
from pathlib import Path

from functions.kit.start.catalogue_builder import CatalogueBuilder
from functions.storefront import assets, rendering

CATALOGUES = CatalogueBuilder(
    service="storefront",
    folder=Path(__file__).parent,
    templates="templates/**.html",
    keywords={"_": None, "N_": None, "gettext": None, "tell": (2,), "ngettext": (1, 2)},
)


def build() -> None:
    """Raises `ImportError` where Babel or brotli is missing."""
    brotli = import_module("brotli")  # at build only

    environment = rendering.environment("en")
    environment.compile_templates(rendering.COMPILED, zip=None, ignore_errors=False)
    CATALOGUES.compile()
    for name, asset in assets.assets().items():
        (assets.FOLDER / f"{name}.br").write_bytes(brotli.compress(asset.content, quality=11))


if __name__ == "__main__":
    CATALOGUES.main(build, __doc__)
