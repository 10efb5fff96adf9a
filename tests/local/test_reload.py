"""A change of a file restarts the programs that use it."""

from pathlib import Path

from functions.local.ports import SERVICES
from functions.local.programs import ROOT
from functions.local.reload import Sources


def test_a_change_is_reported_once_with_its_program(tmp_path: Path) -> None:
    """For changed, new and deleted files."""
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
    created = sources.changed()
    file.unlink()
    deleted = sources.changed()

    assert seen == [set(), {file}, set()]
    assert sources.programs({file}) == {"catalog"}
    assert sources.programs(created) == {"auth", "broker"}
    assert deleted == {file}


def test_a_change_of_shared_code_restarts_all_services() -> None:
    """A change of the runner itself restarts nothing."""
    functions = ROOT / "functions"
    sources = Sources(functions)
    everything = {*SERVICES, "storefront"}

    assert sources.programs({functions / "kit" / "events" / "relay.py"}) == everything
    assert sources.programs({functions / "__init__.py"}) == everything
    assert sources.programs({functions / "local" / "broker" / "core.py"}) == {"broker"}
    assert sources.programs({functions / "local" / "dev.py"}) == set()
    assert sources.programs({functions / "purchase" / "domain.py"}) == {"purchase"}
    page = functions / "storefront" / "templates" / "book.html"
    assert sources.programs({page}) == {"storefront"}
    mail = functions / "notifications" / "templates" / "mail.txt"
    assert sources.programs({mail}) == {"notifications"}
    mailbox = functions / "local" / "mailbox" / "store.py"
    assert sources.programs({mailbox}) == {"mailbox"}
