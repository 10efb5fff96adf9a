"""Options: where each comes from, and what is refused."""

from pathlib import Path

import pytest

from knative.ops.cli import options
from knative.ops.cli.errors import WrongOptions
from knative.ops.cli.option_list import PLACE, RENDERING
from knative.ops.cli.options import ROOT, Options

NAMES = (*PLACE, *RENDERING, "timeout", "yes")


def read(*arguments: str, **environ: str) -> Options:
    variables = {f"BOOKSTORE_DEPLOY_{name}": value for name, value in environ.items()}
    return options.read("deploy", NAMES, "", arguments, variables)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "deploy.toml"
    monkeypatch.setattr(options, "SETTINGS", path)
    return path


def test_the_nearest_wins(file: Path) -> None:
    """A flag before a variable, a variable before the file, the file before the default."""
    file.write_text('registry = "file"\ntag = "file"\ncontext = "file"\n')
    found = read("--registry", "flag", REGISTRY="variable", TAG="variable")

    assert [found[n] for n in ("registry", "tag", "context", "overlay")] == [
        "flag",
        "variable",
        "file",
        "local",
    ]


def test_kinds_of_values(file: Path) -> None:
    """Numbers, switches, lists and pairs mean the same in all three places."""
    file.write_text('components = ["a", "b"]\nyes = true\n[min_scale]\npurchase = 2\n')
    found = read("--max-scale", "auth=3", "--max-scale", "catalog=4", TIMEOUT="60")

    assert found.many("components") == ["a", "b"]
    assert found.flag("yes")
    assert found.pairs("min_scale") == {"purchase": "2"}
    assert found.pairs("max_scale") == {"auth": "3", "catalog": "4"}
    assert found.number("timeout") == 60


def test_everything_wrong_at_once(file: Path) -> None:
    """One error names each, and where it stands."""
    file.write_text('namespace = "Not A Name"\nregistri = "typing error"\n')
    with pytest.raises(WrongOptions) as caught:
        read("--min-scale", "shop=1", TIMEOUT="soon", CONTEXXT="typing error")

    for said in (
        "namespace in the settings file: 'Not A Name' is no name of a namespace",
        "registri: no such setting",
        "--min-scale: 'shop' is none of auth, catalog, purchase",
        "BOOKSTORE_DEPLOY_TIMEOUT: 'soon' is no number",
        "BOOKSTORE_DEPLOY_CONTEXXT: no such variable",
    ):
        assert said in str(caught.value)


def test_named_file_must_be_there(tmp_path: Path) -> None:
    """The default file may be missing; one that somebody names may not."""
    with pytest.raises(WrongOptions, match=r"nowhere.toml: no such file"):
        read("--settings", str(tmp_path / "nowhere.toml"))


def test_example_file_is_valid(tmp_path: Path) -> None:
    """Every line of deploy.example.toml, commented or not, is a setting that is read."""
    text = (ROOT / "knative" / "deploy.example.toml").read_text("utf-8")
    uncommented = "\n".join(
        line.removeprefix("# ") if line.startswith("# ") and " = " in line else line
        for line in text.splitlines()
    )
    path = tmp_path / "deploy.toml"
    path.write_text(uncommented)
    found = read("--settings", str(path))

    assert found.text("registry")
    assert found.pairs("max_scale")
