"""Every option of every command: a typed dataclass per command, whose docstrings are its `--help`.

`values.py` has the types of the values, `parsing.py` fills the dataclasses from flags, environment
and file. `manifests/render.py` and `manifests/transforms.py` apply them to the objects.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from knative.ops.cli.values import (
    Count,
    Domain,
    Email,
    FileSystem,
    Groups,
    HttpUrl,
    ImageName,
    ImageOfService,
    IndexUrl,
    KnativeService,
    Mirror,
    Names,
    Namespace,
    Percent,
    Platforms,
    Registry,
    Repository,
    Samples,
    Scale,
    Since,
    Tag,
)

ROOT = Path(__file__).parents[3]
DEFAULT_NAMESPACE = "bookstore"
"""The namespace of the base; its manifests also name it inside of addresses."""


@dataclass(frozen=True, kw_only=True)
class Options:
    command: ClassVar[str]
    """The nox session that runs it."""

    settings: str = ""
    """Read this file instead of knative/deploy.toml."""


@dataclass(frozen=True, kw_only=True)
class ClusterOptions(Options):
    """The cluster and the namespace."""

    context: str = ""
    """The cluster, as `kubectl config get-contexts` names it."""

    kubeconfig: str = ""
    """The kubeconfig file (default: kubectl's)."""

    namespace: Namespace = ""
    """The namespace of the shop (default: the overlay's)."""


@dataclass(frozen=True, kw_only=True)
class RenderOptions(ClusterOptions):
    """The options that determine the manifests."""

    overlay: str = "local"
    """A folder of knative/overlays, or a path."""

    components: Names = ()
    """Folders of knative/components, or paths, to put on top of the overlay."""

    registry: Registry = ""
    """Prefix of the services' images: PREFIX/auth, PREFIX/catalog and so on."""

    tag: Tag = ""
    """Tag of the services' images (default: from `git describe`)."""

    image: ImageOfService = field(default_factory=dict)
    """The whole image of one service: SERVICE=IMAGE."""

    domain: Domain = ""
    """Public domain; the pages become shop.DOMAIN, the APIs auth.DOMAIN, catalog.DOMAIN,
    notifications.DOMAIN and purchase.DOMAIN, and auth.DOMAIN the issuer of tokens."""

    scheme: Literal["http", "https"] = "http"
    """How clients reach the domain: https if TLS ends in front of the services."""

    storage_class: str = ""
    """StorageClass of the databases."""

    rabbitmq_storage_class: str = ""
    """StorageClass of RabbitMQ (default: the overlay's, else that of the databases)."""

    efs_file_system: FileSystem = ""
    """The EFS that holds the databases, fs-0123456789abcdef0."""

    database_image: ImageName = ""
    """Image of the databases: MySQL 8.4, or a MariaDB."""

    rabbitmq_image: ImageName = ""
    """Image of RabbitMQ."""

    collector_image: ImageName = ""
    """Image of the OpenTelemetry Collector, in the component `observability`."""

    rabbitmq_replicas: Count = 0
    """Nodes of RabbitMQ, an odd number (default: the overlay's)."""

    min_scale: Scale = field(default_factory=dict)
    """Minimum number of pods of a service, also without requests: SERVICE=N."""

    max_scale: Scale = field(default_factory=dict)
    """Maximum number of pods of a service: SERVICE=N."""

    admin_email: Email = ""
    """Account of the first admin, which gets a random password."""

    timeout: Count = 900
    """Seconds that one phase may take."""

    take_over: bool = False
    """Overwrite fields that kn or kubectl changed since the last deploy."""

    yes: bool = False
    """Do not ask for confirmation."""


@dataclass(frozen=True, kw_only=True)
class DeployOptions(RenderOptions):
    """Deploy the shop to a Knative cluster, or update it there.

    Running it twice changes nothing; one that was interrupted is run again.
    """

    command: ClassVar[str] = "deploy"

    dry_run: bool = False
    """Print the objects that would be applied, and apply nothing; needs no cluster."""

    staged: bool = False
    """Give new revisions of the public APIs and the storefront no traffic; `canary` or `promote`
    does. Internal APIs serve theirs at once, because consumers come before publishers."""

    prune: bool = False
    """Delete objects of the shop that the overlay no longer has."""

    verify: Repository = ""
    """Deploy only images that the release workflow of this repository, OWNER/NAME on GitHub, has
    signed; needs cosign 3 or newer."""

    smoke: Literal["none", "reads", "full"] = "reads"
    """The smoke test at the end; `full` registers an account and deletes it."""

    ingress: str = ""
    """URL of the ingress, if it differs from the one that the cluster reports."""


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
    """The overlay that will be deployed; `eks` needs one more part of the platform."""

    # The underscore, because the name alone is a keyword; the option is --with.
    with_: Groups = ()
    """Parts that a shop can do without: `observability` is Prometheus, Tempo and Grafana, and
    Knative's export to the shop's collector."""

    mirror: Mirror = field(default_factory=dict)
    """Take the files or images of a host from a copy: github.com=URL or FOLDER for release files,
    docker.io=REGISTRY/PATH (also gcr.io, ghcr.io, quay.io) for images."""

    gateway_hops: Count = 0
    """Proxies before the gateway that append to X-Forwarded-For: 1 for an application load
    balancer, 0 for a network load balancer or none."""


@dataclass(frozen=True, kw_only=True)
class BuildOptions(Options):
    """Build an image of each service, with docker, podman or buildah."""

    command: ClassVar[str] = "build"

    registry: Registry = ""
    """Prefix of the images: PREFIX/auth, PREFIX/catalog and so on."""

    tag: Tag = ""
    """Tag of the images (default: from `git describe`)."""

    builder: Literal["docker", "podman", "buildah"] | None = None
    """Program that builds (default: the first of them that works)."""

    platform: Platforms = ()
    """Platforms of the images, OS/ARCH (default: this machine's)."""

    base_image: ImageName = ""
    """Python image to build on, such as a copy in your own registry (default: that of
    functions/Dockerfile)."""

    package_index: IndexUrl = ""
    """URL of the package index that pip installs from (default: PyPI)."""

    push: bool = False
    """Push the images, and record their digests for `deploy`."""


@dataclass(frozen=True, kw_only=True)
class SbomOptions(Options):
    """Write an SBOM of each image, CycloneDX, from the locked requirements."""

    command: ClassVar[str] = "sbom"

    tag: Tag = ""
    """Version in the documents (default: from `git describe`)."""

    output: str = "sbom"
    """Folder for SERVICE.cdx.json."""


@dataclass(frozen=True, kw_only=True)
class SeedOptions(ClusterOptions):
    """Add books and delivery providers to a deployed shop; what is there stays."""

    command: ClassVar[str] = "seed"

    books: str = ""
    """A CSV file of books to import in place of those that `nox -s dev` has."""

    scheme: Literal["http", "https"] = "http"
    """How clients reach a domain: https if TLS ends in front of the services."""

    ingress: str = ""
    """URL of the ingress, if it differs from the one that the cluster reports."""


@dataclass(frozen=True, kw_only=True)
class CanaryOptions(ClusterOptions):
    """Give a part of a service's traffic to its newest revision, or with --auto step by step all of
    it, and none again where the newest is worse.
    """

    command: ClassVar[str] = "canary"

    service: KnativeService = field(kw_only=False)
    """The Knative Service."""

    percent: Percent | None = field(default=None, kw_only=False)
    """Percentage of the traffic, 0 to 100; not with --auto."""

    auto: bool = False
    """Move the traffic over 1, 5, 25, 50 to 100 %. After each step the errors and the times of both
    revisions are compared; where the newest is worse, all traffic goes back at once."""

    prometheus: HttpUrl = ""
    """URL of a Prometheus with queue-proxy's metrics (default: the logs of the pods)."""

    step_seconds: Count = 120
    """With --auto: seconds that a step takes at least."""

    samples: Samples = 100
    """With --auto: requests of each revision without which a step does not end well, 5 at least."""

    patience: Count = 1800
    """With --auto: seconds that a step waits for them, before the traffic goes back."""


@dataclass(frozen=True, kw_only=True)
class PromoteOptions(ClusterOptions):
    """Give all of a service's traffic to its newest revision, and to later ones."""

    command: ClassVar[str] = "promote"

    service: KnativeService = field(kw_only=False)
    """The Knative Service."""


@dataclass(frozen=True, kw_only=True)
class RollbackOptions(ClusterOptions):
    """Give all of a service's traffic back to the revision that had it before the newest.

    A later deploy gets no traffic until `promote` or `canary`.
    """

    command: ClassVar[str] = "rollback"

    service: KnativeService = field(kw_only=False)
    """The Knative Service."""

    to: str = ""
    """The revision to go back to, if not the one that had the traffic last."""


@dataclass(frozen=True, kw_only=True)
class StatusOptions(ClusterOptions):
    """Show revisions, traffic, readiness, queues, age of the outbox, dead letters, and what watches
    the shop."""

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

    since: Since = ""
    """How far back: 10m, 2h."""

    tail: Count = 50
    """Last lines of each pod."""


def option_name(field_name: str) -> str:
    """The name of a field as an option, without dashes before it."""
    return field_name.rstrip("_").replace("_", "-")


ALL_OPTIONS: tuple[type[Options], ...] = (
    DeployOptions,
    MigrateOptions,
    UndeployOptions,
    PlatformOptions,
    BuildOptions,
    SbomOptions,
    SeedOptions,
    CanaryOptions,
    PromoteOptions,
    RollbackOptions,
    StatusOptions,
    LogsOptions,
)
