"""Every option of every command: a typed dataclass per command, whose docstrings are its `--help`.

`parsing.py` fills them from flags, environment and file. What an option changes in the objects is
in `manifests/render.py` and `manifests/transforms.py`.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args

from cyclopts import Parameter, Token
from cyclopts.validators import Number

ROOT = Path(__file__).parents[3]
DEFAULT_NAMESPACE = "bookstore"
"""The namespace of the base; its manifests also name it inside of addresses."""

Service = Literal["auth", "catalog", "purchase"]
KnativeService = Literal[
    "auth", "catalog", "purchase", "auth-internal", "catalog-internal", "purchase-internal"
]
SERVICES: tuple[str, ...] = get_args(Service)
KNATIVE_SERVICES: tuple[str, ...] = get_args(KnativeService)
"""Two of each service: one serves its public API, one its internal API."""

_IMAGE = re.compile(r"[a-z0-9][\w./:-]*(@sha256:[0-9a-f]{64})?")
_REGISTRY = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9.-]*(:\d+)?(/[a-z0-9._-]+)*")
_HOST = re.compile(r"([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z0-9][-a-z0-9]*")


def _like(pattern: str | re.Pattern[str], expected: str) -> Parameter:
    """A text that matches the whole pattern, or is empty."""

    def check(_: Any, value: str) -> None:
        if value and not re.fullmatch(pattern, value):
            raise ValueError(f"Expected {expected}.")

    return Parameter(validator=check)


def _separated(tokens: Iterable[Token]) -> Iterator[str]:
    """The values of an option that is given several times, or once with commas."""
    for token in tokens:
        yield from filter(None, (part.strip() for part in token.value.split(",")))


def _several(check: Callable[[str], object] = str) -> Parameter:
    def convert(_: Any, tokens: Sequence[Token]) -> tuple[str, ...]:
        values = tuple(_separated(tokens))
        for value in values:
            check(value)
        return values

    return Parameter(converter=convert)


def _pairs(
    names: Collection[str] | None, convert_value: Callable[[str], object], metavar: str
) -> Parameter:
    """NAME=VALUE, several times or with commas; any name where `names` is None."""

    def convert(_: Any, tokens: Sequence[Token]) -> dict[str, object]:
        found = {}
        for text in _separated(tokens):
            name, equals, value = text.partition("=")
            if not equals:
                raise ValueError(f"{text!r} is not NAME=VALUE")
            if names is not None and name not in names:
                raise ValueError(f"{name!r} is none of {', '.join(names)}")
            found[name] = convert_value(value)
        return found

    return Parameter(converter=convert, accepts_keys=False, n_tokens=-1, metavar=metavar)


def _pods(text: str) -> int:
    if not text.isdigit():
        raise ValueError(f"{text!r} is not a number of pods")
    return int(text)


def _image(text: str) -> str:
    if not _IMAGE.fullmatch(text):
        raise ValueError(f"{text!r} is not the name of an image")
    return text


def _linux(text: str) -> None:
    if not re.fullmatch(r"linux/\w+(/\w+)?", text):
        raise ValueError(f"{text!r} is not a platform such as linux/arm64")


def _mirror(text: str) -> str:
    if not re.fullmatch(r"(https?://|\.{0,2}/)?[\w.:/-]+", text):
        raise ValueError(f"{text!r} is not a prefix such as mirror.example:5000/quay")
    return text.rstrip("/")


def _index_url(_: Any, tokens: Sequence[Token]) -> str:
    """A converter, because the error of a validator would print the value."""
    url = tokens[-1].value
    if url and not re.fullmatch(r"https?://[^@\s]+", url):
        raise ValueError(
            "expected a URL such as https://mirror.example/simple, without a password, which the"
            " image's history would show"
        )
    return url


Count = Annotated[int, Parameter(validator=Number(gte=0))]
ImageName = Annotated[str, _like(_IMAGE, "the name of an image")]
Registry = Annotated[str, _like(_REGISTRY, "a prefix of images, such as r.example:5000/bookstore")]
Tag = Annotated[str, _like(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", "a tag of images")]
Names = Annotated[tuple[str, ...], _several()]
Scale = Annotated[dict[str, int], _pairs(KNATIVE_SERVICES, _pods, "SERVICE=N")]


@dataclass(frozen=True, kw_only=True)
class Options:
    command: ClassVar[str]
    """The nox session that runs it."""

    settings: str = ""
    """Read this file instead of knative/deploy.toml."""


@dataclass(frozen=True, kw_only=True)
class ClusterOptions(Options):
    """Which cluster, and where in it."""

    context: str = ""
    """The cluster, as `kubectl config get-contexts` names it."""

    kubeconfig: str = ""
    """The file that describes the cluster; kubectl's own default without it."""

    namespace: Annotated[
        str, _like(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", "a DNS label, such as bookstore")
    ] = ""
    """The namespace of the shop; the overlay's without it."""


@dataclass(frozen=True, kw_only=True)
class RenderOptions(ClusterOptions):
    """What the manifests become."""

    overlay: str = "local"
    """A folder of knative/overlays, or a path."""

    components: Names = ()
    """Folders of knative/components, or paths, to put on top of the overlay."""

    registry: Registry = ""
    """Prefix of the services' images: PREFIX/auth, PREFIX/catalog, PREFIX/purchase."""

    tag: Tag = ""
    """Tag of the services' images; `git describe` without it."""

    image: Annotated[dict[str, str], _pairs(SERVICES, _image, "SERVICE=IMAGE")] = field(
        default_factory=dict
    )
    """The whole image of one service: SERVICE=IMAGE."""

    domain: Annotated[str, _like(_HOST, "a domain, such as shop.example.org")] = ""
    """Public domain; the services become auth.DOMAIN, catalog.DOMAIN and purchase.DOMAIN."""

    scheme: Literal["http", "https"] = "http"
    """How clients reach the domain: https where TLS ends before the services."""

    storage_class: str = ""
    """StorageClass of the databases."""

    rabbitmq_storage_class: str = ""
    """StorageClass of RabbitMQ; the overlay's without it, else that of the databases."""

    efs_file_system: Annotated[
        str, _like(r"fs-[0-9a-f]{8,40}", "an EFS id, such as fs-0123abcd")
    ] = ""
    """The EFS that holds the databases, fs-0123456789abcdef0."""

    database_image: ImageName = ""
    """Image of the databases: MySQL 8.4, or a MariaDB."""

    rabbitmq_image: ImageName = ""
    """Image of RabbitMQ."""

    rabbitmq_replicas: Count = 0
    """Nodes of RabbitMQ, an odd number; the overlay's without it."""

    min_scale: Scale = field(default_factory=dict)
    """Pods that a service keeps when nobody calls it: SERVICE=N."""

    max_scale: Scale = field(default_factory=dict)
    """Pods that a service has at most: SERVICE=N."""

    admin_email: Annotated[str, _like(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an email address")] = ""
    """Account of the first admin, which gets a random password."""

    timeout: Count = 900
    """Seconds that one phase may take."""

    take_over: bool = False
    """Overwrite fields that kn or kubectl changed since the last deploy."""

    yes: bool = False
    """Do not ask for confirmation."""


@dataclass(frozen=True, kw_only=True)
class DeployOptions(RenderOptions):
    """Bring the shop to a Knative cluster, or bring the shop that is there up to date.

    Running it twice changes nothing; one that was interrupted is run again.
    """

    command: ClassVar[str] = "deploy"

    dry_run: bool = False
    """Print the objects that would be applied, and apply nothing; needs no cluster."""

    staged: bool = False
    """Give new revisions no traffic; `canary` or `promote` does."""

    prune: bool = False
    """Delete objects of the shop that the overlay no longer has."""

    smoke: Literal["none", "reads", "full"] = "reads"
    """The smoke test at the end; `full` registers an account and deletes it."""

    ingress: str = ""
    """URL of the ingress, if it is not where the cluster says."""


@dataclass(frozen=True, kw_only=True)
class MigrateOptions(RenderOptions):
    """Run the migrations of the given images in the cluster, and nothing else."""

    command: ClassVar[str] = "migrate-cluster"


@dataclass(frozen=True, kw_only=True)
class UndeployOptions(ClusterOptions):
    """Remove the shop from the cluster, and keep its data.

    Volumes of the databases, backups, Secrets and the namespace stay.
    """

    command: ClassVar[str] = "undeploy"

    yes: bool = False
    """Do not ask for confirmation; does not confirm --delete-data."""

    delete_data: bool = False
    """Also delete databases, queues, backups and Secrets, which cannot be undone."""

    confirm: str = ""
    """With --delete-data: the name of the namespace, instead of typing it."""


@dataclass(frozen=True, kw_only=True)
class PlatformOptions(ClusterOptions):
    """Install or upgrade the platform: cert-manager, Knative, Kourier, RabbitMQ's operators.

    Versions are those of knative/versions.toml. Without access to the internet, --mirror names
    copies of the release files and of the images in them.
    """

    command: ClassVar[str] = "platform"

    yes: bool = False
    """Do not ask for confirmation."""

    check: bool = False
    """Only report what is installed; exit code 1 if anything is missing, old or not ready."""

    print: bool = False
    """Only print the commands."""

    overlay: str = "local"
    """The overlay that is deployed afterwards; `eks` needs one part more."""

    mirror: Annotated[dict[str, str], _pairs(None, _mirror, "HOST=PREFIX")] = field(
        default_factory=dict
    )
    """Where copies of what HOST serves are: github.com=URL or FOLDER for release files, and
    docker.io=REGISTRY/PATH, gcr.io, ghcr.io, quay.io for images."""

    gateway_hops: Count = 0
    """Proxies before the gateway that append to X-Forwarded-For: 1 for an application load
    balancer, 0 for a network load balancer or none."""


@dataclass(frozen=True, kw_only=True)
class BuildOptions(Options):
    """Build an image of each service, with docker, podman or buildah."""

    command: ClassVar[str] = "build"

    registry: Registry = ""
    """Prefix of the images: PREFIX/auth, PREFIX/catalog, PREFIX/purchase."""

    tag: Tag = ""
    """Tag of the images; `git describe` without it."""

    builder: Literal["docker", "podman", "buildah"] | None = None
    """Program that builds; the first that works without it."""

    platform: Annotated[tuple[str, ...], _several(_linux)] = ()
    """Platforms of the images, OS/ARCH; this machine's without it."""

    base_image: ImageName = ""
    """Python image to build on, such as a copy in your own registry; functions/Dockerfile's
    without it."""

    package_index: Annotated[str, Parameter(converter=_index_url)] = ""
    """URL of the package index that pip installs from; PyPI without it."""

    push: bool = False
    """Push the images, and record their digests for `deploy`."""


@dataclass(frozen=True, kw_only=True)
class CanaryOptions(ClusterOptions):
    """Give a part of a service's traffic to its newest revision."""

    command: ClassVar[str] = "canary"

    service: KnativeService = field(kw_only=False)
    """The Knative Service."""

    percent: Annotated[int, Parameter(validator=Number(gte=0, lte=100))] = field(kw_only=False)
    """Percentage of the traffic, 0 to 100."""


@dataclass(frozen=True, kw_only=True)
class PromoteOptions(ClusterOptions):
    """Give all of a service's traffic to its newest revision, and to later ones."""

    command: ClassVar[str] = "promote"

    service: KnativeService = field(kw_only=False)
    """The Knative Service."""


@dataclass(frozen=True, kw_only=True)
class RollbackOptions(ClusterOptions):
    """Give all of a service's traffic back to the revision before the newest.

    A later deploy gets no traffic until `promote` or `canary`.
    """

    command: ClassVar[str] = "rollback"

    service: KnativeService = field(kw_only=False)
    """The Knative Service."""

    to: str = ""
    """The revision to go back to, if not the one before the newest."""


@dataclass(frozen=True, kw_only=True)
class StatusOptions(ClusterOptions):
    """Show revisions, traffic, readiness, queues, age of the outbox, and dead letters."""

    command: ClassVar[str] = "status"

    wake: bool = False
    """Start services that are scaled to zero, to read their outbox."""


@dataclass(frozen=True, kw_only=True)
class LogsOptions(ClusterOptions):
    """Show the logs of a service, a database, RabbitMQ or a migration."""

    command: ClassVar[str] = "logs"

    source: str = field(kw_only=False)
    """A Knative Service, db-NAME, migrate-SERVICE, or rabbitmq."""

    follow: bool = False
    """Keep showing new lines."""

    since: Annotated[str, _like(r"\d+[smh]", "a time such as 10m or 2h")] = ""
    """How far back: 10m, 2h."""

    tail: Count = 50
    """Last lines of each pod."""


ALL_OPTIONS: tuple[type[Options], ...] = (
    DeployOptions,
    MigrateOptions,
    UndeployOptions,
    PlatformOptions,
    BuildOptions,
    CanaryOptions,
    PromoteOptions,
    RollbackOptions,
    StatusOptions,
    LogsOptions,
)
