"""What the suite was given, as environment variables, so that plain pytest takes them too."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

PREFIX = "BOOKSTORE_E2E_"


@dataclass(frozen=True)
class Options:
    context: str
    """Empty where there is no cluster; every test is then skipped."""
    namespace: str
    ingress: str
    report: str
    disrupt: bool
    candidate: bool
    """Requests go to the newest revisions, which may have no traffic yet."""


def read(environ: Mapping[str, str] = os.environ) -> Options:
    def value(name: str) -> str:
        return environ.get(PREFIX + name, "")

    return Options(
        context=value("CONTEXT"),
        namespace=value("NAMESPACE"),
        ingress=value("INGRESS"),
        report=value("REPORT"),
        disrupt=bool(value("DISRUPT")),
        candidate=bool(value("CANDIDATE")),
    )
