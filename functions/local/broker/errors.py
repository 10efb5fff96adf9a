"""The errors of the broker.

BrokerError
├── ManifestError    a Trigger or PingSource is invalid
├── NotAnEvent       a request is not a CloudEvents 1.0 event
├── UnsupportedMode  an event has a content mode that Knative does not accept either
└── StoreError       a store belongs to another program, or cannot be reached or written
"""

from pathlib import Path


class BrokerError(Exception):
    """Its message is for the user who started the broker, or for the sender of the event."""


class ManifestError(BrokerError):
    def __init__(self, file: Path, field: str, problem: str) -> None:
        super().__init__(f"{file}: {field}: {problem}" if field else f"{file}: {problem}")


class NotAnEvent(BrokerError):
    """The response is 400."""


class UnsupportedMode(BrokerError):
    """The response is 415."""


class StoreError(BrokerError):
    pass
