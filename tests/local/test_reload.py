"""Which programs a changed file belongs to."""

from pathlib import Path

from functions.local.ports import SERVICES
from functions.local.programs import ROOT
from functions.local.reload import Sources


def test_a_change_is_seen_once_and_is_of_its_service(tmp_path: Path) -> None:
    """Changed, made or deleted."""
    package, manifests = tmp_path / "shop", tmp_path / "eventing"
    for folder in (package / "auth", package / "catalog" / "migrations", manifests):
        folder.mkdir(parents=True)
    file = package / "catalog" / "queries.py"
    file.write_text("a = 1\n")
    sources = Sources(package, manifests)
    seen = [sources.changed()]
    file.write_text("a = 22\n")
    seen += [sources.changed(), sources.changed()]
    (package / "auth" / "new.py").write_text("")
    (manifests / "trigger.yaml").write_text("")
    made = sources.changed()
    file.unlink()
    gone = sources.changed()

    assert seen == [set(), {file}, set()]
    assert sources.programs({file}) == {"catalog"}
    assert sources.programs(made) == {"auth", "broker"}
    assert gone == {file}


def test_what_services_share_is_of_all_of_them() -> None:
    """The runner's own files are of nobody who could be started again."""
    functions = ROOT / "functions"
    sources = Sources(functions)

    assert sources.programs({functions / "kit" / "relay.py"}) == {*SERVICES}
    assert sources.programs({functions / "__init__.py"}) == {*SERVICES}
    assert sources.programs({functions / "local" / "broker" / "core.py"}) == {"broker"}
    assert sources.programs({functions / "local" / "dev.py"}) == set()
    assert sources.programs({functions / "purchase" / "domain.py"}) == {"purchase"}
