"""A command that is interrupted says so, without a traceback."""

import pytest

from functions.kit.base.program import end_with


def interrupted() -> int:
    raise KeyboardInterrupt


def test_the_exit_code_is_that_of_the_command() -> None:
    """Nothing is printed."""
    with pytest.raises(SystemExit) as ended:
        end_with(lambda: 2)

    assert ended.value.code == 2


def test_ctrl_c_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """With 130, as shells have it."""
    with pytest.raises(SystemExit) as ended:
        end_with(interrupted)

    assert ended.value.code == 130
    assert capsys.readouterr().err == "Interrupted. Run it again to continue.\n"
