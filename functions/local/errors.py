"""Why the shop cannot run here. Each message says what to do about it.

LocalError
├── DataFolderError     the folder cannot be used, or belongs to something else
├── PortTakenError
├── ProgramFailedError  a service, the broker or a migration does not run
└── ShopError           a running shop gives an unexpected response
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
