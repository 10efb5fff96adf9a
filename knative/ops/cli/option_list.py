"""The options themselves, each with what it means and which values it takes."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

SERVICES = ("auth", "catalog", "purchase")
DOORS = (*SERVICES, *(f"{name}-internal" for name in SERVICES))

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_HOST = re.compile(r"([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z0-9][-a-z0-9]*")
_REGISTRY = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9.-]*(:\d+)?(/[a-z0-9._-]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_IMAGE = re.compile(r"[a-z0-9][\w./:-]*(@sha256:[0-9a-f]{64})?")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class Kind(Enum):
    TEXT = "text"
    FLAG = "flag"
    NUMBER = "number"
    LIST = "list"
    PAIRS = "pairs"


Check = Callable[[str], str | None]
"""What is wrong with a value, if anything."""


def _like(pattern: re.Pattern[str], what: str) -> Check:
    return lambda text: None if pattern.fullmatch(text) else f"{text!r} is no {what}"


def _one_of(*values: str) -> Check:
    return lambda text: None if text in values else f"{text!r} is none of {', '.join(values)}"


def _scale(text: str) -> str | None:
    name, _, number = text.partition("=")
    if name not in DOORS:
        return f"{name!r} is none of {', '.join(DOORS)}"
    return None if number.isdigit() else f"{number!r} is no number of pods"


def _image_of(text: str) -> str | None:
    name, _, image = text.partition("=")
    if name not in SERVICES:
        return f"{name!r} is none of {', '.join(SERVICES)}"
    return None if _IMAGE.fullmatch(image) else f"{image!r} is no image"


def _platforms(text: str) -> str | None:
    return None if re.fullmatch(r"linux/\w+(/\w+)?", text) else f"{text!r} is no linux platform"


@dataclass(frozen=True)
class Option:
    name: str
    help: str
    kind: Kind = Kind.TEXT
    default: Any = ""
    metavar: str = "TEXT"
    check: Check | None = None

    def parse(self, raw: Any) -> Any:
        """The value, from a flag, a variable or TOML. Raises ValueError."""
        if self.kind is Kind.FLAG:
            return _flag(raw)
        if self.kind is Kind.NUMBER:
            return _number(raw)
        if self.kind is Kind.LIST:
            return self._checked(_list(raw))
        if self.kind is Kind.PAIRS:
            return dict(each.split("=", 1) for each in self._checked(_pairs(raw)))
        if not isinstance(raw, str):
            raise ValueError(f"{raw!r} is no text")  # noqa: TRY004 - one kind for all values
        return self._checked([raw])[0] if raw else ""

    def _checked(self, values: list[str]) -> list[str]:
        for value in values:
            if self.check is not None and (problem := self.check(value)):
                raise ValueError(problem)
        return values


def _flag(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    if str(raw).lower() in {"1", "true", "yes", "on"}:
        return True
    if str(raw).lower() in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError(f"{raw!r} is neither true nor false")


def _number(raw: Any) -> int:
    if isinstance(raw, bool) or not str(raw).isdigit():
        raise ValueError(f"{raw!r} is no number")
    return int(raw)


def _list(raw: Any) -> list[str]:
    if isinstance(raw, str):
        raw = [raw]
    if not isinstance(raw, list) or not all(isinstance(each, str) for each in raw):
        raise ValueError(f"{raw!r} is no list of texts")
    return [part.strip() for each in raw for part in each.split(",") if part.strip()]


def _pairs(raw: Any) -> list[str]:
    if isinstance(raw, dict):
        raw = [f"{name}={value}" for name, value in raw.items()]
    pairs = _list(raw)
    for pair in pairs:
        if "=" not in pair:
            raise ValueError(f"{pair!r} is not NAME=VALUE")
    return pairs


def _text(name: str, help_: str, metavar: str, check: Check | None = None) -> Option:
    return Option(name, help_, metavar=metavar, check=check)


def _switch(name: str, help_: str) -> Option:
    return Option(name, help_, kind=Kind.FLAG, default=False)


def _several(name: str, help_: str, metavar: str, check: Check, kind: Kind = Kind.LIST) -> Option:
    return Option(name, help_, kind=kind, default=[], metavar=metavar, check=check)


OPTIONS: tuple[Option, ...] = (
    # where
    _text("context", "the cluster, as kubectl config get-contexts names it", "NAME"),
    _text("kubeconfig", "the file that knows the cluster (default: as kubectl)", "FILE"),
    _text(
        "namespace",
        "where the shop lives (default: the overlay's)",
        "NAME",
        _like(_DNS_LABEL, "name of a namespace"),
    ),
    _switch("yes", "do not ask"),
    Option("timeout", "seconds that one phase may take", Kind.NUMBER, 900, "SECONDS"),
    # what
    Option("overlay", "a folder of knative/overlays, or a path", default="local", metavar="NAME"),
    _several(
        "components", "folders of knative/components, or paths, to add", "NAME", lambda text: None
    ),
    _text(
        "registry",
        "prefix of the images, such as 123.dkr.ecr.eu-west-1.amazonaws.com/bookstore",
        "PREFIX",
        _like(_REGISTRY, "prefix of images"),
    ),
    _text("tag", "the images' tag (default: git describe)", "TAG", _like(_TAG, "tag")),
    _several(
        "image", "one service's image, whole: SERVICE=IMAGE", "SERVICE=IMAGE", _image_of, Kind.PAIRS
    ),
    _text(
        "domain",
        "public domain; the services become auth.DOMAIN, catalog.DOMAIN ...",
        "DOMAIN",
        _like(_HOST, "domain"),
    ),
    Option(
        "scheme",
        "how clients reach them: http, or https where TLS ends before the services",
        default="http",
        metavar="http|https",
        check=_one_of("http", "https"),
    ),
    _text("storage_class", "StorageClass of the databases", "NAME"),
    _text(
        "rabbitmq_storage_class",
        "StorageClass of RabbitMQ (default: the overlay's, else the databases')",
        "NAME",
    ),
    _text(
        "efs_file_system",
        "the EFS of the databases, fs-0123456789abcdef0",
        "ID",
        _like(re.compile(r"fs-[0-9a-f]{8,40}"), "id of an EFS"),
    ),
    _text(
        "database_image",
        "MySQL 8.4, or a MariaDB that takes its place",
        "IMAGE",
        _like(_IMAGE, "image"),
    ),
    _text("rabbitmq_image", "image of RabbitMQ", "IMAGE", _like(_IMAGE, "image")),
    Option(
        "rabbitmq_replicas",
        "nodes of RabbitMQ: 1 or 3 (default: the overlay's)",
        Kind.NUMBER,
        0,
        "N",
    ),
    _several("min_scale", "pods that stay: SERVICE=N", "SERVICE=N", _scale, Kind.PAIRS),
    _several("max_scale", "most pods: SERVICE=N", "SERVICE=N", _scale, Kind.PAIRS),
    _text(
        "admin_email",
        "account of the first admin, made with a random password",
        "EMAIL",
        _like(_EMAIL, "email address"),
    ),
    # how
    _switch("dry_run", "print what would be applied, and apply nothing"),
    _switch("staged", "give new revisions no traffic: canary or promote does"),
    _switch("take_over", "overwrite what was changed by hand since the last deploy"),
    _switch("prune", "delete objects of the shop that the overlay no longer has"),
    Option(
        "smoke",
        "what to try at the end: none; reads; full (makes an account, and deletes it)",
        default="reads",
        metavar="none|reads|full",
        check=_one_of("none", "reads", "full"),
    ),
    _text("ingress", "where the ingress listens, if not where the cluster says", "URL"),
    # platform
    Option(
        "gateway_hops",
        "proxies before the gateway that append to X-Forwarded-For: 1 for an application load"
        " balancer, 0 for a network load balancer or none",
        Kind.NUMBER,
        0,
        "N",
    ),
    # build
    _text(
        "builder",
        "docker, podman or buildah (default: the first that is there)",
        "NAME",
        _one_of("docker", "podman", "buildah"),
    ),
    _several(
        "platform", "platforms of the images (default: this machine's)", "OS/ARCH", _platforms
    ),
    _switch("push", "push the images, and record their digests for deploy"),
    # operate
    _text("to", "the revision to go back to", "REVISION"),
    _switch("follow", "go on showing what comes"),
    _text("since", "how far back: 10m, 2h", "TIME", _like(re.compile(r"\d+[smh]"), "time")),
    Option("tail", "last lines of each pod", Kind.NUMBER, 50, "N"),
    _switch("wake", "wake services that sleep at zero, to read their outbox"),
    _switch("delete_data", "also delete databases, queues and Secrets: nothing brings them back"),
    _text("confirm", "with --delete-data: the namespace, instead of typing it", "NAMESPACE"),
    _switch("check", "only report what is there"),
    _switch("print", "only print the commands"),
)

POSITIONALS: dict[str, dict[str, Any]] = {
    "service": {"choices": DOORS, "metavar": "SERVICE", "help": ", ".join(DOORS)},
    "percent": {"type": int, "metavar": "PERCENT", "help": "of the traffic, 0 to 100"},
    "what": {"metavar": "WHAT", "help": f"{', '.join(DOORS)}, a database, or migrate-SERVICE"},
}

PLACE = ("context", "kubeconfig", "namespace")
RENDERING = (
    "overlay", "components", "registry", "tag", "image", "domain", "scheme", "storage_class",
    "rabbitmq_storage_class", "efs_file_system", "database_image", "rabbitmq_image",
    "rabbitmq_replicas", "min_scale", "max_scale", "admin_email",
)  # fmt: skip
