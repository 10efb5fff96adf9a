"""A real MySQL server from Debian's unstable packages, unpacked into a folder of its own.

Debian's stable releases have MariaDB only. `python3 -m tests.servers.debian_mysql` takes MySQL and
every library that it links to, the C library included, from the mirror that this machine's own apt
sources name. apt gets private lists, a private cache and an empty list of installed packages, and
checks signatures as always; the packages are unpacked by `dpkg -x`. Nothing on the system changes,
no root is needed, and nothing but Python's standard library is. `mysql.py` starts the server.
"""
# ruff: noqa: S603 - apt and dpkg are this machine's; it is run by a person or by CI

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(os.environ.get("TEST_MYSQL_FOLDER") or Path(__file__).parents[2] / ".nox" / "mysql")
"""Where it is unpacked; of this checkout unless TEST_MYSQL_FOLDER names another one."""

COMMAND = "python3 -m tests.servers.debian_mysql"

PACKAGE = "mysql-server-core"
_NOT_LINKED = ("perl", "libperl", "libgdbm", "libdb5")
"""Dependencies of the package's scripts, which nobody runs here."""

_KEYRINGS = ("debian-archive-keyring.gpg", "debian-archive-keyring.pgp")

_SERVER = """\
#!/bin/sh
# Its own loader and C library: those of the system are older.
root='{root}'
exec "{loader}" --library-path "{libraries}" "$root/usr/sbin/mysqld" "$@" \\
    --basedir="$root/usr" --plugin-dir="$root/usr/lib/mysql/plugin"
"""


class CannotFetch(Exception):
    """Why there is no MySQL to be had on this machine."""


def program() -> Path | None:
    """The server that was unpacked, if one was. It takes the options of mysqld."""
    found = FOLDER / "bin" / "mysqld"
    return found if found.exists() else None


def fetch() -> None:
    """Unpack the server into FOLDER. Raises `CannotFetch`, and leaves nothing behind then."""
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise CannotFetch("this machine has no apt")
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER.parent, prefix="mysql-") as temporary:
        work = Path(temporary)
        packages = _download(work / "apt", _mirror())
        unpacked = work / "unpacked"
        (unpacked / "root").mkdir(parents=True)
        for package in packages:
            if not package.name.startswith(_NOT_LINKED):
                _run("dpkg", "-x", str(package), str(unpacked / "root"))
        _write_program(unpacked)
        shutil.rmtree(FOLDER, ignore_errors=True)
        unpacked.rename(FOLDER)
    _run(str(FOLDER / "bin" / "mysqld"), "--version")


def _mirror() -> str:
    """The address of a Debian mirror that apt uses here."""
    listed = _run(
        *("apt-get", "indextargets", "--format", "$(REPO_URI)"),
        *("Created-By: Packages", "Origin: Debian", "Label: Debian", "Component: main"),
    )
    if not listed.strip():
        raise CannotFetch("apt's sources name no Debian mirror, or `apt-get update` never ran")
    return listed.split()[0]


def _download(folder: Path, mirror: str) -> list[Path]:
    for part in ("lists/partial", "cache/archives/partial", "state", "sources"):
        (folder / part).mkdir(parents=True)
    (folder / "installed").touch()
    keyring = next((path for name in _KEYRINGS if (path := _keyrings() / name).exists()), None)
    source = f"Types: deb\nURIs: {mirror}\nSuites: sid\nComponents: main\n"
    if keyring is not None:
        source += f"Signed-By: {keyring}\n"
    (folder / "sources" / "sid.sources").write_text(source, "utf-8")
    (folder / "apt.conf").write_text(
        f"""\
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "{folder}/sources";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "{folder}/state";
Dir::State::Lists "{folder}/lists";
Dir::State::Status "{folder}/installed";
Dir::Cache "{folder}/cache";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::http::Timeout "30";
APT::Sandbox::User "";
APT::Install-Recommends "false";
""",
        "utf-8",
    )
    environment = os.environ | {"APT_CONFIG": str(folder / "apt.conf")}
    _run("apt-get", "update", "-qq", "--error-on=any", environment=environment)
    _run(*("apt-get", "install", "-qq", "-y", "--download-only", PACKAGE), environment=environment)
    return sorted((folder / "cache" / "archives").glob("*.deb"))


def _keyrings() -> Path:
    return Path("/usr/share/keyrings")


def _write_program(unpacked: Path) -> None:
    root = unpacked / "root"
    loader = next(root.glob("usr/lib*/ld-linux*"), None)
    if loader is None or not (root / "usr/sbin/mysqld").exists():
        raise CannotFetch("the packages hold no server")
    final = FOLDER.resolve() / "root"
    libraries = sorted({library.parent for library in root.glob("usr/lib/*/*.so.*")})
    (unpacked / "bin").mkdir()
    program = unpacked / "bin" / "mysqld"
    program.write_text(
        _SERVER.format(
            root=final,
            loader=final / loader.relative_to(root),
            libraries=":".join(str(final / folder.relative_to(root)) for folder in libraries),
        ),
        "utf-8",
    )
    program.chmod(0o755)
    for unused in ("usr/share/doc", "usr/share/man", "usr/share/lintian", "usr/bin"):
        shutil.rmtree(root / unused, ignore_errors=True)


def _run(*command: str, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, errors="replace"
    )
    if done.returncode != 0:
        reason = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise CannotFetch(f"{' '.join(command[:2])}: {reason}")
    return done.stdout


def main() -> int:
    if program() is not None:
        return 0
    try:
        fetch()
    except CannotFetch as error:
        print(f"no MySQL from Debian's packages: {error}", file=sys.stderr)
        return 1
    print(_run(str(FOLDER / "bin" / "mysqld"), "--version").strip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
