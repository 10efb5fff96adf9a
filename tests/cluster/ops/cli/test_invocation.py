"""Messages that say what to type next."""

import pytest

from knative.ops.commands.rollback import rollback
from knative.ops.commands.status import status
from tests.cluster.ops.conftest import CONTEXT, FakeCluster


@pytest.mark.parametrize(
    ("invoked_as", "expected"),
    [("", "nox -s deploy"), ("python3 noxfile.py", "python3 noxfile.py -s deploy")],
)
def test_commands_are_named_as_invoked(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, invoked_as: str, expected: str
) -> None:
    """`nox`, or what noxfile.py says where it was started without nox."""
    monkeypatch.setenv("BOOKSTORE_INVOKED_AS", invoked_as)
    for body, arguments in ((status, ()), (rollback, ("auth",))):
        code = cluster.run(body, *CONTEXT, *arguments)

        assert code == 1
        assert cluster.output.endswith(f": {expected}\n")


def test_help_is_named_as_invoked(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Usage lines and option errors too."""
    monkeypatch.setenv("BOOKSTORE_INVOKED_AS", "python3 noxfile.py")
    code = cluster.run(status, "--contxt", "x")

    assert code == 2
    assert "See python3 noxfile.py -s status -- --help" in cluster.output
