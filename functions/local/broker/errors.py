"""What can be wrong with what the broker is given.

BrokerError
├── ManifestError    a Trigger or PingSource that cannot be followed
├── NotAnEvent       a request that is no CloudEvent 1.0
├── UnsupportedMode  a CloudEvent in a form that Knative does not take either
└── StoreError       a store that is not this broker's, cannot be reached, or cannot be written
"""

from pathlib import Path


class BrokerError(Exception):
    """Its text is for the person who started the broker, or sent the event."""


class ManifestError(BrokerError):
    def __init__(self, file: Path, field: str, problem: str) -> None:
        super().__init__(f"{file}: {field}: {problem}" if field else f"{file}: {problem}")


class NotAnEvent(BrokerError):
    """Answered with 400."""


class UnsupportedMode(BrokerError):
    """Answered with 415."""


class StoreError(BrokerError):
    pass
