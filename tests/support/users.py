"""Processes of a user that the system has no name for, as a container's user often is."""

import os
import pwd
import shutil

READ_ALL = "-all,+dac_read_search"


def as_user(number: int) -> list[str] | None:
    """Words before a command that run it as this user; None where that cannot be had.

    All that the user may do beyond its permissions is to read: an interpreter may lie in root's
    home.
    """
    setpriv = shutil.which("setpriv")
    if os.geteuid() != 0 or setpriv is None:
        return None
    return [
        setpriv,
        f"--reuid={number}",
        f"--regid={number}",
        "--clear-groups",
        f"--inh-caps={READ_ALL}",
        f"--ambient-caps={READ_ALL}",
        f"--bounding-set={READ_ALL}",
        "--no-new-privs",
    ]


def has_name(number: int) -> bool:
    """Whether the system knows the user by name."""
    try:
        pwd.getpwuid(number)
    except KeyError:
        return False
    return True
