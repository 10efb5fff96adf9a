"""What goes wrong in a way that was foreseen: a sentence for a person, and an exit code.

OpsError                  exit 1: the cluster, a tool or a service did not do its part
├── CommandFailed         a command ended with another code than 0
├── CommandTimeout        a command did not end
├── ToolMissing           a program is not installed
└── WrongOptions          exit 2: what was asked for cannot be done as asked
"""

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
    def __init__(self, shown: str, code: int, stderr: str) -> None:
        said = stderr.strip() or "(it said nothing)"
        super().__init__(f"This command ended with {code}:\n  $ {shown}\n{_indented(said)}")
        self.code = code
        self.stderr = stderr


def listed(heading: str, problems: Sequence[str]) -> str:
    """One message that names everything that is wrong."""
    return "\n".join([heading, *(f"  - {problem}" for problem in problems)])


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
