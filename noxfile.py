"""Every task that a person runs. `python3 noxfile.py -s dev` needs nothing but Python.

With nox installed it is `nox -s dev`; `nox -l` lists the tasks. Without it, this file makes a
private environment under `.nox/` from `requirements/nox.txt`, and starts again in there.
"""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parent
REQUIREMENTS = ROOT / "requirements"
SCRIPTS = (
    *(f".ci/{name}" for name in ("run", "packages", "in-container")),
    *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("knative/**/*.sh")),
)


def _start_again_with_nox() -> None:
    """Install the locked nox into an environment of this checkout, and become it."""
    home = ROOT / ".nox" / "nox"
    python = home / "bin" / "python"
    lock = (REQUIREMENTS / "nox.txt").read_text("utf-8")
    stamp = home / "installed.txt"
    if not stamp.exists() or stamp.read_text("utf-8") != lock:
        print("installing nox into .nox/nox (once; some seconds) ...", file=sys.stderr)
        try:
            venv.create(home, with_pip=True, clear=True)
            install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            requirements = ["--require-hashes", "-r", str(REQUIREMENTS / "nox.txt")]
            subprocess.run([python, *install, *requirements], check=True)  # noqa: S603
        except (OSError, subprocess.CalledProcessError) as error:
            sys.exit(
                f"Cannot make an environment for nox: {error}\n"
                "On Debian and Ubuntu install python3-venv; everywhere, look that the package"
                " index can be reached."
            )
        stamp.write_text(lock, "utf-8")
    os.chdir(ROOT)
    # Whatever tells what to type next says it so that it works here.
    os.environ["BOOKSTORE_INVOKED_AS"] = f"{Path(sys.executable).name} {Path(sys.argv[0]).name}"
    os.execv(python, [str(python), "-m", "nox", *sys.argv[1:]])  # noqa: S606


if sys.version_info < (3, 11):  # noqa: UP036 - the one file that an older Python may be given
    sys.exit("The bookstore needs Python 3.11 or newer; this is " + sys.version.split()[0])

try:
    import nox
except ModuleNotFoundError:
    if __name__ != "__main__":
        raise
    _start_again_with_nox()
    raise  # never reached: the line above has replaced this process

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "test"]
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_external_run = True


def _install(session: nox.Session, lock: str) -> None:
    """Exactly what the lock names, with its hashes."""
    path = REQUIREMENTS / f"{lock}.txt"
    stamp = Path(session.virtualenv.location) / "installed.txt"
    if not stamp.exists() or stamp.read_text("utf-8") != path.read_text("utf-8"):
        session.log(f"installing what requirements/{lock}.txt lists; the first time takes a minute")
    if session.venv_backend == "uv":
        session.run_install("uv", "pip", "sync", "--require-hashes", str(path))
    else:
        session.install("--progress-bar=on", "--require-hashes", "-r", str(path), silent=False)
    stamp.write_text(path.read_text("utf-8"), "utf-8")


def _serve(session: nox.Session, module: str) -> None:
    """Run a module that stops its own processes on Ctrl-C, which takes it some time."""
    session.run(
        "python", "-m", module, *session.posargs, interrupt_timeout=30, terminate_timeout=10
    )


@nox.session(default=False)
def dev(session: nox.Session) -> None:
    """Run the whole shop on this machine: `-- --help` lists the options, such as `-- --fresh`."""
    _install(session, "local")
    _serve(session, "functions.local.dev")


@nox.session(default=False)
def tour(session: nox.Session) -> None:
    """Walk through the life of a purchase, in the running shop or one of its own."""
    _install(session, "local")
    _serve(session, "functions.local.tour")


@nox.session(default=False)
def traffic(session: nox.Session) -> None:
    """Play readers, buyers and staff: `-- --rate 5 --minutes 10 --fault broker-gone`, `--help`."""
    _install(session, "local")
    _serve(session, "functions.local.traffic")


@nox.session(default=False)
def migrate(session: nox.Session) -> None:
    """Bring schemas up to date: `-- catalog --database-url URL`, or `-- --mysql URL` for all."""
    _install(session, "local")
    session.run("python", "-m", "functions.local.migrate", *session.posargs)


@nox.session(default=False)
def adopt(session: nox.Session) -> None:
    """Move in from the original shop: `-- --from mysql://... --mysql mysql://...`, `--help`."""
    _install(session, "local")
    _serve(session, "functions.adoption")


def _operate(session: nox.Session, command: str) -> None:
    """Run a command of knative/ops on this terminal, with time to end on Ctrl-C."""
    _install(session, "local")
    _serve(session, f"knative.ops.commands.{command}")


@nox.session(default=False)
def build(session: nox.Session) -> None:
    """Build the images by docker, podman or buildah: `-- --registry PREFIX --push`."""
    _operate(session, "build")


@nox.session(default=False)
def platform(session: nox.Session) -> None:
    """Install or upgrade Knative and what else the shop needs: `-- --context NAME`, `--check`."""
    _operate(session, "platform")


@nox.session(default=False)
def deploy(session: nox.Session) -> None:
    """Deploy the shop to a cluster: `-- --context NAME --registry PREFIX`, `-- --dry-run`."""
    _operate(session, "deploy")


@nox.session(default=False)
def seed(session: nox.Session) -> None:
    """Fill a deployed shop with books and delivery providers: `-- --context NAME`."""
    _operate(session, "seed")


@nox.session(name="migrate-cluster", default=False)
def migrate_cluster(session: nox.Session) -> None:
    """Run only the migrations in a cluster: `-- --context NAME --tag TAG`."""
    _operate(session, "migrate")


@nox.session(default=False)
def canary(session: nox.Session) -> None:
    """Give a part of a service's traffic to its newest revision: `-- purchase 10`."""
    _operate(session, "canary")


@nox.session(default=False)
def promote(session: nox.Session) -> None:
    """Give all of a service's traffic to its newest revision: `-- purchase`."""
    _operate(session, "promote")


@nox.session(default=False)
def rollback(session: nox.Session) -> None:
    """Give all of a service's traffic back to the previous revision: `-- purchase`."""
    _operate(session, "rollback")


@nox.session(default=False)
def e2e(session: nox.Session) -> None:
    """Try the shop on a real cluster: `-- --context NAME`, `-- --disrupt`, `-- --report FILE`."""
    _install(session, "dev")
    _serve(session, "tests.e2e")


@nox.session(default=False)
def status(session: nox.Session) -> None:
    """Show revisions, traffic, readiness, queues, outbox, dead letters: `-- --context NAME`."""
    _operate(session, "status")


@nox.session(default=False)
def logs(session: nox.Session) -> None:
    """Show logs of a service, a database, RabbitMQ or a migration: `-- purchase --follow`."""
    _operate(session, "logs")


@nox.session(default=False)
def undeploy(session: nox.Session) -> None:
    """Remove the shop and keep its data; `-- --delete-data` removes that too."""
    _operate(session, "undeploy")


@nox.session(default=False)
def compose(session: nox.Session) -> None:
    """Run the shop in containers on this machine; `-- down` and the like go to compose."""
    _operate(session, "compose")


@nox.session(default=False)
def sbom(session: nox.Session) -> None:
    """What each image holds, as CycloneDX, from the locked requirements: `-- --output FOLDER`."""
    _install(session, "dev")
    _serve(session, "knative.ops.commands.sbom")


@nox.session(default=False)
def outdated(session: nox.Session) -> None:
    """Newer releases of what knative/versions.toml pins. Asks GitHub."""
    _operate(session, "outdated")


@nox.session(default=False)
def links(session: nox.Session) -> None:
    """Links of the documentation that lead to other sites: each is asked once."""
    _install(session, "dev")
    session.run("python", "-m", "tests.architecture.links")


_TESTING = {
    # Dot by dot, also where the output goes into a file or through another program.
    "PYTHONUNBUFFERED": "1",
    # Tests start hundreds of processes. Where this is set, as in many containers, each would
    # compile again whatever it imports.
    "PYTHONDONTWRITEBYTECODE": "",
}
_PYTEST = ("pytest", "-o", "console_output_style=count")
# One more than there are cores: while a test waits for a thread, a server or a browser, another one
# computes.
_WORKERS = ("-n", str((os.cpu_count() or 1) + 1), "--dist", "loadfile")
_COVERAGE = ROOT / ".nox" / "coverage"


@nox.session
def test(session: nox.Session) -> None:
    """The tests; `-- tests/kit -k relay` and the like run some of them."""
    _install(session, "dev")
    session.log("running the tests: what is done is counted at the end of each line")
    if session.posargs:
        session.run(*_PYTEST, *_WORKERS, *session.posargs, env=_TESTING)
        return
    _run_measured(session)
    session.run(*_PYTEST, *_WORKERS, "-m", "not measured", env=_TESTING)
    _run_faults(session)  # not beside the others: what they wait for is other processes


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """Branch coverage of the services and the kit, held against a floor: `-- --html` for pages."""
    _install(session, "dev")
    _run_measured(session)
    if "--html" in session.posargs:
        session.run("coverage", "html", "--quiet", "--directory", str(_COVERAGE / "html"))
        session.log(f"open {_COVERAGE / 'html' / 'index.html'}")


def _run_measured(session: nox.Session) -> None:
    """The tests that need no server, under coverage, and the report against the floors."""
    shutil.rmtree(_COVERAGE, ignore_errors=True)
    _COVERAGE.mkdir(parents=True)
    session.run("coverage", "run", "-m", *_PYTEST, *_WORKERS, "-m", "measured", env=_TESTING)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session(default=False)
def faults(session: nox.Session) -> None:
    """The shop's promises under faults, with figures: `-- --full` takes the promised sizes."""
    _install(session, "dev")
    _run_faults(session)


def _run_faults(session: nox.Session) -> None:
    full = "--full" in session.posargs
    # Small sizes wait more than they compute; the promised ones want the machine for themselves.
    pace = ["-p", "no:xdist", "-o", "timeout=7200"] if full else ["-n", "2", "--dist", "loadfile"]
    session.run(*_PYTEST, "tests/faults", *pace, *session.posargs, env=_TESTING)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Speed and memory as ratios to a floor: `-- --plot FILE.svg`, `-- --profile`, `-- --help`."""
    _install(session, "dev")
    session.run("python", "-m", "tests.bench", *session.posargs)


@nox.session(default=False)
def screenshots(session: nox.Session) -> None:
    """Take the pictures of docs/screenshots anew, from a shop of its own in Chromium."""
    _install(session, "dev")
    session.run("python", "-m", "tests.storefront.browser.screenshots")


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Schemathesis on the three OpenAPI documents, long: `-- 1000` examples, `-- 1000 7` a seed."""
    _install(session, "dev")
    examples, seed = (*session.posargs, *("500", "1")[len(session.posargs) :])
    environment = {"BOOKSTORE_FUZZ_EXAMPLES": examples, "BOOKSTORE_FUZZ_SEED": seed}
    session.run("pytest", "-s", "tests/fuzz", env=environment)


@nox.session(default=False)
def mutation(session: nox.Session) -> None:
    """Change the rules' code bit by bit: tests must fail. `-- "functions.kit.events.relay*"`."""
    _install(session, "dev")
    session.install("mutmut>=3.8,<3.9")
    folder = Path(session.create_tmp()) / "tree"
    session.run("python", "-m", "tests.mutation", str(folder), *session.posargs, env=_TESTING)


@nox.session(default=False)
def audit(session: nox.Session) -> None:
    """Known vulnerabilities of what is locked. Needs a network: PyPI's advisories are asked."""
    session.install("pip-audit>=2.10")
    for lock in ("runtime", "local", "dev", "nox"):
        path = str(REQUIREMENTS / f"{lock}.txt")
        session.run("pip-audit", "--strict", "--disable-pip", "--require-hashes", "-r", path)


@nox.session
def lint(session: nox.Session) -> None:
    """ruff, mypy --strict, the import rules of functions/README.md; workflows, scripts, image."""
    _install(session, "dev")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")
    session.run("lint-imports", "--no-cache")
    session.run("zizmor", "--offline", "--quiet", "--persona", "pedantic", ".github")
    session.run("shellcheck", "--shell=bash", "-x", "--source-path=SCRIPTDIR", *SCRIPTS)
    session.run("hadolint", "--failure-threshold", "warning", "functions/Dockerfile")


@nox.session(name="format", default=False)
def format_(session: nox.Session) -> None:
    """Let ruff write the code as `lint` wants it."""
    _install(session, "dev")
    session.run("ruff", "check", "--fix")
    session.run("ruff", "format")


@nox.session(default=False)
def lock(session: nox.Session) -> None:
    """Renew requirements/*.txt from pyproject.toml: `-- --upgrade` takes the newest of all."""
    session.install("uv")
    compile_ = ["uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
    compile_ += ["--no-annotate", "--no-header", "--no-emit-index-url", "pyproject.toml"]
    groups = {"runtime": [], "local": ["--group", "local"], "dev": ["--group", "dev"]}
    for name, options in groups.items():
        output = ["--output-file", f"requirements/{name}.txt"]
        session.run(*compile_, *options, *output, *session.posargs)
    only_group = [part for part in compile_ if part != "pyproject.toml"]
    for name in ("nox", "image"):
        output = ["--output-file", f"requirements/{name}.txt"]
        session.run(*only_group, "--group", name, *output, *session.posargs)


@nox.session(default=False)
def minimums(session: nox.Session) -> None:
    """The tests on the oldest releases that pyproject.toml allows."""
    oldest = Path(session.create_tmp()) / "oldest.txt"
    session.run_install(
        "uv", "pip", "compile", "--quiet", "--resolution", "lowest-direct", "--group", "dev",
        "pyproject.toml", "--output-file", str(oldest),
    )  # fmt: skip
    session.run_install("uv", "pip", "sync", "--quiet", str(oldest))
    session.run("pytest", *session.posargs)


# The MySQL engine by itself


@nox.session(name="engine-dist", default=False)
def engine_dist(session: nox.Session) -> None:
    """The MySQL engine as a wheel of its own, tried in an empty environment: `-- FOLDER` for it."""
    _install(session, "dev")
    session.install("uv")
    work = Path(session.create_tmp()).resolve()
    tree, empty = work / "tree", work / "empty"
    session.run("python", "-c", f"import shutil; shutil.rmtree({str(work)!r})")
    session.run("python", "-m", "tests.kit.mysql.distribution", "write", str(tree))
    dist = Path(session.posargs[0] if session.posargs else work / "dist").resolve()
    session.run("uv", "build", "--quiet", str(tree), "--out-dir", str(dist))
    (wheel,) = dist.glob("piccolo_mysql_engine-*.whl")
    python = str(empty / "bin" / "python")
    session.run("uv", "venv", "--quiet", str(empty))
    session.run("uv", "pip", "install", "--quiet", "--python", python, f"{wheel}[sha2]")
    session.run("python", "-m", "tests.kit.mysql.distribution", "try", python)


@nox.session(name="engine-piccolo", default=False)
def engine_piccolo(session: nox.Session) -> None:
    """Piccolo's own tests on the MySQL engine: `-- CHECKOUT` of Piccolo, then pytest's options."""
    _install(session, "dev")
    session.install("orjson")  # Piccolo's tests expect what it writes; nothing here needs it
    if not session.posargs:
        session.error("give a folder with Piccolo's source: nox -s engine-piccolo -- CHECKOUT")
    session.run("python", "-m", "tests.kit.mysql.piccolo_suite", *session.posargs)


if __name__ == "__main__":
    nox.main()
