"""`python -m functions.notifications.build`: what an image needs made, and a checkout does not.

Templates and catalogues are compiled. With `--extract` it instead brings
`locale/*/LC_MESSAGES/notifications.po` up to date with the texts of templates and code: new ones
are added without a translation, which a test refuses.
"""

from pathlib import Path

from functions.kit.start.catalogue_builder import CatalogueBuilder
from functions.notifications import rendering

CATALOGUES = CatalogueBuilder(
    service="notifications",
    folder=Path(__file__).parent,
    templates="templates/**",
    keywords={"_": None, "gettext": None, "ngettext": (1, 2)},
)


def build() -> None:
    """Raises `ImportError` where Babel is missing."""
    rendering.environment("en").compile_templates(rendering.COMPILED, zip=None, ignore_errors=False)
    CATALOGUES.compile()


if __name__ == "__main__":
    CATALOGUES.main(build, __doc__)
