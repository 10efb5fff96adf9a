"""Expected failures: a message for a person, and an exit code.

OpsError                  exit 1: the cluster, a tool or a service failed
├── CommandFailed         a command exited with another code than 0
├── CommandTimeout        a command did not end in time
├── ToolMissing           a program is not installed
└── WrongOptions          exit 2: the options are invalid, or do not fit the cluster
"""

import textwrap
from collections.abc import Sequence


class OpsError(Exception):
    exit_code = 1


class WrongOptions(OpsError):
    exit_code = 2


class ToolMissing(OpsError):
    pass


class CommandTimeout(OpsError):
    pass


class CommandFailed(OpsError):
    def __init__(self, command: str, code: int, stderr: str) -> None:
        output = textwrap.indent(stderr.strip() or "(no error output)", "  ")
        super().__init__(f"This command exited with {code}:\n  $ {command}\n{output}")
        self.code = code
        self.stderr = stderr


def listed(heading: str, problems: Sequence[str]) -> str:
    """One message for several problems."""
    return "\n".join([heading, *(f"  - {problem}" for problem in problems)])
