"""Why the data cannot be moved. Each message says what to do, in Spanish and English.

AdoptionError
├── NotTheOriginal      what was given is not the original's databases, or is unreadable
├── TargetRefused       the databases of the services cannot be written to, or are not empty
└── DecisionsRefused    the file of decisions is missing or wrong
"""

from functions.kit.base.errors import Text


class AdoptionError(Exception):
    def __init__(self, es: str, en: str) -> None:
        self.text = Text(es, en)
        super().__init__(en)


class NotTheOriginal(AdoptionError):
    pass


class TargetRefused(AdoptionError):
    pass


class DecisionsRefused(AdoptionError):
    pass
