"""What is wrong with the options and the addresses is said in the chosen language."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from functions.adoption.__main__ import main
from functions.adoption.command import Adoption
from functions.adoption.options import AdoptOptions, language_of
from functions.adoption.spanish import in_spanish

ROOT = Path(__file__).parents[2]
WRONG = {
    "--bogus": "No existe la opción --bogus.",
    "--sqlit x": "No existe la opción --sqlit. ¿Es --sqlite?",
    "-ab": "No existe la opción -a.",
    "this that": "Sobra en la orden: this that",
    "--from": "La opción --from necesita un valor.",
    "--sqlite=": "El valor de --sqlite está vacío.",
    "--from=": "El valor de --from está vacío.",
    "--language fr": '«fr» no es un valor de --language. Puede ser: "es", "en".',
    "--apply=maybe": "«maybe» no es un valor de --apply. Puede ser: true, false.",
}


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What standard error says."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_option_is_named_in_the_language_of_the_command(
    wrong: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of the terminal, unless the options choose another one before or after the mistake."""
    monkeypatch.setenv("LC_ALL", "es_CO.UTF-8")
    spanish = refused(wrong.split(), capsys)
    english = refused(["--language=en", *wrong.split()], capsys)
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")

    assert spanish.startswith(f"{WRONG[wrong]}\n")
    assert "muestra las opciones" in spanish
    assert "lists the options" in english
    if "language" not in wrong:
        assert refused(["--language", "es", *wrong.split()], capsys) == spanish
        assert refused(wrong.split(), capsys) == english


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--apply", "--language=en"], "Run the same command again: it completes what is missing."),
        (["--apply", "--language=es"], "Repita la misma orden: completa lo que falta."),
        (["--language=en"], "Nothing was written to the databases."),
        (["--language=es"], "No se ha escrito nada en las bases de datos."),
    ],
)
def test_an_interrupted_move_says_what_to_do(
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After Ctrl-C, with 130; a dry run has written nothing."""

    async def interrupted(_: Adoption) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(Adoption, "run", interrupted)

    assert main(arguments) == 130
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("name", [field.name for field in fields(AdoptOptions)])
def test_every_option_without_its_value_is_named_in_spanish(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flag needs none; with one that it cannot have it is refused too."""
    monkeypatch.setenv("LC_ALL", "C")
    option = "--from" if name == "source" else f"--{name.replace('_', '-')}"
    wrong = f"{option}=maybe" if name == "apply" else option

    assert refused([wrong], capsys).partition("\n")[0] in {
        f"La opción {option} necesita un valor.",
        f"«maybe» no es un valor de {option}. Puede ser: true, false.",
    }


@pytest.mark.parametrize(
    ("arguments", "environ", "language"),
    [
        ([], {}, "es"),
        ([], {"LANG": "en_US.UTF-8"}, "en"),
        (["--language", "es"], {"LANG": "en_US.UTF-8"}, "es"),
        (["--language=en", "--language=es"], {}, "es"),
        (["--language=en", "--language=fr"], {}, "en"),
        (["--language"], {"LC_ALL": "en"}, "en"),
    ],
)
def test_the_language_is_found_in_options_that_cannot_be_read(
    arguments: list[str], environ: dict[str, str], language: str
) -> None:
    """The last valid one counts, as for the other options."""
    assert language_of(arguments, environ) == language


def messages() -> Iterator[str]:
    """The errors of addresses and of connections, with `x` for each of their values."""
    folder = ROOT / "functions" / "kit"
    sources = {
        "mysql/options.py": {"InvalidOptions"},
        "mysql/tls.py": {"InvalidOptions"},
        "mysql/connection.py": {"CannotConnect", "TLSRefused"},
        "mysql/failures.py": {"CannotConnect"},
        "base/urls.py": {"ValueError"},
        "data/engines.py": {"ValueError"},
    }
    for name, kinds in sources.items():
        for node in ast.walk(ast.parse((folder / name).read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in kinds and node.args:
                yield _text(node.args[0])


def _text(message: ast.expr) -> str:
    if isinstance(message, ast.JoinedStr):
        return "".join(map(_text, message.values))
    if isinstance(message, ast.FormattedValue):
        return "'x'" if message.conversion == ord("r") else "x"
    assert isinstance(message, ast.Constant), ast.unparse(message)
    return str(message.value)


def test_every_error_of_an_address_has_its_spanish() -> None:
    """One that is added to the engines and not to the list is found here."""
    found = list(messages())

    assert len(found) > 25
    assert [each for each in found if in_spanish(each) == each] == []


@pytest.mark.parametrize("value", ["x", "ñandú", "a b", "%40", "$&\\1"])
def test_the_values_of_a_message_stay_as_they_are(value: str) -> None:
    """Whatever is in them; and a message of somebody else's stays whole."""
    assert in_spanish(f"Unexpected argument: {value}") == f"Sobra en la orden: {value}"
    assert in_spanish(value) == value


ADDRESSES = {
    "--mysql mysql://h:x": "La dirección del servidor debe ser mysql://usuario:clave@servidor",
    "--auth-url x://h --catalog-url x://i --purchase-url x://j": "La base de datos de auth no se"
    " puede usar: la dirección debe empezar por sqlite:// o mysql://",
    "--auth-url mysql://h/a?pool=1 --catalog-url mysql://h/b --purchase-url mysql://h/c": "La base"
    " de datos de auth no se puede usar: la dirección tiene una opción «pool», que no existe",
    "--auth-url sqlite://a --catalog-url sqlite:///b --purchase-url sqlite:///c": "sqlite://a no"
    " sirve: una dirección de SQLite es sqlite:///relativa.db",
    "--auth-url mysql://127.0.0.1:9/a --catalog-url mysql://h/b --purchase-url mysql://h/c": "La"
    " base de datos de auth no se puede usar: no hay conexión con 127.0.0.1:9",
}


@pytest.mark.parametrize("target", ADDRESSES)
def test_a_wrong_address_is_refused_in_spanish(target: str, tmp_path: Path) -> None:
    """By the whole command, with 2; nothing is written."""
    dump = tmp_path / "auth.sql"
    dump.touch()
    options = ["--language=es", "--from", str(dump), *target.split()]
    ended = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-m", "functions.adoption", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 2
    assert ADDRESSES[target] in ended.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["auth.sql"]
