"""Options: their sources, their values, and what is refused."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from knative.ops.cli import parsing
from knative.ops.cli.console import Console
from knative.ops.cli.errors import WrongOptions
from knative.ops.cli.options import (
    ALL_OPTIONS,
    ROOT,
    BuildOptions,
    CanaryOptions,
    DeployOptions,
    Options,
    option_name,
)


def read(*arguments: str, **environ: str) -> DeployOptions:
    variables = {f"BOOKSTORE_DEPLOY_{name}": value for name, value in environ.items()}
    return parsing.parse(DeployOptions, arguments, variables, Console())


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "deploy.toml"
    monkeypatch.setattr(parsing, "SETTINGS", path)
    return path


def test_precedence(file: Path) -> None:
    """A flag overrides a variable, a variable the file, and the file the default."""
    file.write_text('registry = "file"\ntag = "file"\ncontext = "file"\n')
    found = read("--registry", "flag", REGISTRY="variable", TAG="variable")

    assert [found.registry, found.tag, found.context, found.overlay] == [
        "flag",
        "variable",
        "file",
        "local",
    ]


def test_types_of_values(file: Path) -> None:
    """Numbers, switches, lists and pairs mean the same in all three sources."""
    file.write_text('components = ["a", "b"]\nyes = true\n[min_scale]\npurchase = 2\n')
    found = read("--max-scale", "auth=3", "--max-scale", "catalog=4", TIMEOUT="60")

    assert found.components == ("a", "b")
    assert found.yes is True
    assert found.min_scale == {"purchase": 2}
    assert found.max_scale == {"auth": 3, "catalog": 4}
    assert found.timeout == 60


@pytest.mark.parametrize("text", ["10.5", "10.0", "1e1", "0x10", "1_0", "\u0663", "", "9" * 5_000])
def test_a_number_is_taken_as_it_is_written_or_refused(file: Path, text: str) -> None:
    """Nothing is rounded, wherever it was written."""
    with pytest.raises(WrongOptions, match="not a whole number"):
        read("--timeout", text)
    if text:  # an empty variable counts as not set
        with pytest.raises(WrongOptions, match="not a whole number"):
            read(TIMEOUT=text)
    file.write_text(f'timeout = "{text}"')
    with pytest.raises(WrongOptions, match="not a whole number"):
        read()
    file.write_text("timeout = 10")
    assert read().timeout == 10


@pytest.mark.parametrize("text", ["1", "true", "yes", "on", "ON"])
def test_true(file: Path, text: str) -> None:
    """A switch is on with each of these; a flag can turn it off again."""
    assert read(PRUNE=text).prune is True
    file.write_text(f'prune = "{text}"')
    assert read().prune is True
    assert read("--no-prune", PRUNE=text).prune is False


@pytest.mark.parametrize("text", ["0", "false", "no", "off", ""])
def test_false(file: Path, text: str) -> None:
    """A switch is off with each of these; an empty variable counts as not set."""
    assert read(PRUNE=text).prune is False
    file.write_text(f'prune = "{text}"')
    assert read().prune is False
    file.write_text("prune = true")
    assert read(PRUNE=text).prune is (text == "")


@pytest.mark.parametrize("text", ["on", "off", "yes", "1"])
def test_texts_that_look_like_a_switch(file: Path, text: str) -> None:
    """They stay texts where a text is expected."""
    file.write_text(f'overlay = "{text}"')

    assert read(CONTEXT=text, NAMESPACE=text).context == text
    assert read(CONTEXT=text, NAMESPACE=text).namespace == text
    assert read().overlay == text


@pytest.mark.parametrize(
    "text", ['["auth=1", "catalog=2"]', '"auth=1,catalog=2"', "{auth = 1, catalog = 2}"]
)
def test_pairs_in_the_file(file: Path, text: str) -> None:
    """As a list, as one text, or as a table."""
    file.write_text(f"min_scale = {text}")

    assert read().min_scale == {"auth": 1, "catalog": 2}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--components", "a,b", "--components", "c"),
        ("--components=a, b", "--components=c"),
        ("--components", "a", "--components", "b", "--components", "c"),
    ],
)
def test_lists(file: Path, arguments: tuple[str, ...]) -> None:
    """Several values: in one flag with commas, or in several flags."""
    assert read(*arguments).components == ("a", "b", "c")
    assert read(COMPONENTS="a, b,c").components == ("a", "b", "c")


def test_last_flag_counts(file: Path) -> None:
    """A flag that is given again overrides the earlier one, as in a script with defaults."""
    assert read("--tag", "v1", "--tag", "v2").tag == "v2"


def test_all_errors_at_once(file: Path) -> None:
    """One message has each error, and names the flag, the variable or the key."""
    file.write_text('namespace = "Not A Name"\nregistri = "typing error"\ntag = 5\n')
    with pytest.raises(WrongOptions) as caught:
        read("--min-scale", "shop=1", TIMEOUT="soon", CONTEXXT="typing error", SCHEME="ftp")

    for text in (
        f'Invalid value "Not A Name" for namespace provided by {file}. Expected a DNS label',
        f"registri: no such setting in {file}",
        f"tag in {file}: 5 must be a string, in quotes",
        "for --min-scale: 'shop' is none of auth, catalog, notifications, purchase",
        "BOOKSTORE_DEPLOY_TIMEOUT: 'soon' is not a whole number",
        '"ftp" for BOOKSTORE_DEPLOY_SCHEME from environment. Choose from: "http", "https"',
        "BOOKSTORE_DEPLOY_CONTEXXT: no such variable",
    ):
        assert text in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--contxt", "x"), "Unknown option: --contxt. Did you mean --context?"),
        (("--context",), "Parameter --context requires an argument."),
        (("production",), "Unexpected argument: production"),
        (("--timeout", "-1"), 'Invalid value "-1" for --timeout.'),
        (("--image", "auth"), "for --image: 'auth' is not NAME=VALUE"),
        (("--image", "auth=A B"), "for --image: 'A B' is not the name of an image"),
        (("--max-scale", "auth=many"), "for --max-scale: 'many' is not a number of pods"),
        (("--efs-file-system", "mine"), "for --efs-file-system. Expected an EFS id"),
    ],
)
def test_refused_flags(file: Path, arguments: tuple[str, ...], message: str) -> None:
    """The error names the flag, and where to read more."""
    with pytest.raises(WrongOptions) as caught:
        read(*arguments)

    assert message in str(caught.value)
    assert "nox -s deploy -- --help" in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "SERVICE is missing."),
        (("shop", "10"), 'Invalid value "shop" for SERVICE. Choose from: "auth"'),
        (("purchase", "abc"), "Invalid value for PERCENT: 'abc' is not a whole number"),
        (("purchase", "101"), 'Invalid value "101" for PERCENT. Must be <= 100.'),
        (("purchase", "10", "20"), "Unexpected argument: 20"),
    ],
)
def test_refused_arguments(file: Path, arguments: tuple[str, ...], message: str) -> None:
    """What has no flag is named as the help names it."""
    with pytest.raises(WrongOptions) as caught:
        parsing.parse(CanaryOptions, arguments, {}, Console())

    assert message in str(caught.value)


def test_keys_of_another_command(file: Path) -> None:
    """One file serves all commands, so a key that another command reads is allowed."""
    file.write_text('platform = ["linux/arm64"]\nregistry = "r.example/shop"\n')

    assert read().registry == "r.example/shop"
    assert parsing.parse(BuildOptions, [], {}, Console()).platform == ("linux/arm64",)


@pytest.mark.parametrize("text", ["registry = ", "\xff"])
def test_broken_file(file: Path, text: str) -> None:
    """The error names the file."""
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(WrongOptions) as caught:
        read()

    assert f"{file}: " in str(caught.value)


def test_named_file_must_exist(tmp_path: Path) -> None:
    """The default file may be missing, one that is named by flag or variable may not."""
    missing = str(tmp_path / "nowhere.toml")
    for arguments, environ in ((("--settings", missing), {}), ((), {"SETTINGS": missing})):
        with pytest.raises(WrongOptions, match=r"nowhere.toml: no such file"):
            read(*arguments, **environ)


def test_example_file_is_valid(tmp_path: Path) -> None:
    """Every line of deploy.example.toml, commented out or not, is a setting that is read."""
    text = (ROOT / "knative" / "deploy.example.toml").read_text("utf-8")
    uncommented = "\n".join(
        line.removeprefix("# ") if line.startswith("# ") and " = " in line else line
        for line in text.splitlines()
    )
    path = tmp_path / "deploy.toml"
    path.write_text(uncommented)
    found = read("--settings", str(path))

    assert found.registry
    assert found.max_scale


@pytest.mark.parametrize("kind", ALL_OPTIONS, ids=lambda kind: kind.__name__)
def test_every_option_is_described(
    kind: type[Options], file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--help` has a sentence for each, and no control characters where it goes to a file."""
    with pytest.raises(SystemExit) as ended:
        parsing.parse(kind, ["--help"], {}, Console())
    shown = capsys.readouterr().out
    described = dict(re.findall(r"--([a-z-]+)(?: --?[a-z-]+| [A-Z=.]+)*\s+([A-Z]\S*\s.+)", shown))

    assert ended.value.code == 0
    assert "\x1b" not in shown
    assert {name.replace("-", "_") for name in described} >= {
        option_name(each.name).replace("-", "_") for each in fields(kind)
    }
