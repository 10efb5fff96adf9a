"""What keeps the shop from running here. Each text tells a person what to do about it.

LocalError
├── DataFolderError    it cannot be used, or is not ours
├── PortTakenError
├── ProgramFailedError a service, the broker or a migration that does not run
└── ShopError          a running shop that answers otherwise than it should
"""


class LocalError(Exception):
    pass


class DataFolderError(LocalError):
    pass


class PortTakenError(LocalError):
    pass


class ProgramFailedError(LocalError):
    pass


class ShopError(LocalError):
    pass
