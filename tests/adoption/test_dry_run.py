"""A dry run reports what a move would do, and writes nothing into the databases."""

import json
import re
from pathlib import Path

import pytest

from tests.adoption import original
from tests.adoption.running import SERVICES, adopt, checksum, opened, options_for, tables
from tests.support.closed_pipe import run_unread


async def test_it_writes_nothing(urls: dict[str, str], tmp_path: Path) -> None:
    """Neither tables into empty databases, nor rows."""
    source = original.save(tmp_path / "dumps", original.written(original.SMALL))
    before = await checksum(urls)
    done = await adopt(tmp_path, *source, *options_for(urls))

    assert await checksum(urls) == before
    async with opened(urls) as there:
        assert [await tables(database) for database in there.values()] == [[], [], []]
    assert "nothing was written" in done.output
    assert done.code == 1


async def test_it_makes_no_sqlite_files(tmp_path: Path) -> None:
    """Opening a file that does not exist would create it."""
    source = original.save(tmp_path / "dumps", original.written(original.SMALL))
    await adopt(tmp_path, *source, "--sqlite", str(tmp_path / "shop"))

    assert not (tmp_path / "shop").exists()


async def test_every_trouble_is_reported(tmp_path: Path) -> None:
    """With the id of its row and what is done about it."""
    source = original.save(tmp_path / "dumps", original.written(original.SMALL))
    done = await adopt(tmp_path, *source, "--sqlite", str(tmp_path / "shop"))
    found = {(line["what"], line["id"], line["action"]) for line in done.report if "what" in line}

    assert found == {
        ("email-tidied", 3, "repaired"),
        ("accounts-merged", 4, "repaired"),
        ("password-unusable", 3, "repaired"),
        ("email-undeliverable", 5, "kept"),
        ("password-unusable", 5, "repaired"),
        ("title-missing", 8, "repaired"),
        ("amount-six-digits", 9, "kept"),
        ("stock-invalid", 9, "repaired"),
        ("stock-not-trusted", None, "kept"),
        ("replica-stale", 7, "kept"),
        ("replica-stale", 8, "kept"),
        ("replica-stale", 9, "kept"),
        ("underpaid", 13, "repaired"),
        ("unit-remainder", 13, "repaired"),
        ("user-unknown", 14, "refused"),
        ("status-read", 15, "repaired"),
        ("quantity-invalid", 16, "refused"),
        ("card-number", 21, "repaired"),
        ("payment-again", 23, "refused"),
        ("payment-partial", 24, "refused"),
        ("payment-orphan", 26, "refused"),
        ("payment-orphan", 27, "refused"),
        ("providers-merged", 2, "repaired"),
        ("assignment-again", 31, "repaired"),
        ("assignment-orphan", 33, "refused"),
    }


async def test_all_money_is_explained(tmp_path: Path) -> None:
    """What the original received is moved, or listed with the reason."""
    source = original.save(tmp_path / "dumps", original.written(original.SMALL))
    done = await adopt(tmp_path, *source, "--sqlite", str(tmp_path / "shop"))
    sums = done.sums()

    assert sums["payments received"] == (7, 6060 + 3030 + 3030 + 5000 + 3030 + 999 + 4500000)
    assert sums["payments that are moved"] == (3, 6060 + 3030 + 3030)
    assert sums["unexplained"] == (0, 0)


async def test_the_dirty_instance_is_explained(tmp_path: Path) -> None:
    """Counted before, by another program: 46 payments of paid purchases, 11 paid but pending."""
    source = original.save(tmp_path / "dumps", original.dumps("mariadb"))
    done = await adopt(tmp_path, *source, "--sqlite", str(tmp_path / "shop"))
    sums = done.sums()

    assert len(done.found("payment-again")) == 46
    assert len(done.found("paid-but-pending")) == 11
    assert done.found("accounts-merged") == [94]
    assert sums["unexplained"] == (0, 0)
    assert sums["payments received"][1] > sums["payments that are moved"][1]


async def test_neither_cards_nor_hashes_nor_addresses_are_reported(tmp_path: Path) -> None:
    """Not in the file, not in the summary, and not in the decisions."""
    texts = original.dumps("mariadb")
    source = original.save(tmp_path / "dumps", texts)
    done = await adopt(tmp_path, *source, "--sqlite", str(tmp_path / "shop"))
    written = "".join(
        [
            done.output,
            (tmp_path / "report.jsonl").read_text("utf-8"),
            (tmp_path / "adoption.toml").read_text("utf-8"),
        ]
    )
    addresses = set(re.findall(r"'([^' ,]+@[^',]+)'", texts["auth"] + texts["main"]))

    assert len(addresses) > 50
    assert [each for each in addresses if each in written] == []
    assert "pbkdf2" not in written
    for number in ("5500", "4012888888881881", "4111"):
        assert re.search(rf"{number}\D?0000|{number}\D?1111|{number}$", written) is None


async def test_the_report_is_for_its_owner_only(tmp_path: Path) -> None:
    """It names rows of people."""
    source = original.save(tmp_path / "dumps", original.written(original.SMALL))
    await adopt(tmp_path, *source, "--sqlite", str(tmp_path / "shop"))

    assert (tmp_path / "report.jsonl").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("language", "word"), [("es", "Hallazgos"), ("en", "Findings")])
async def test_the_summary_is_in_the_readers_language(
    tmp_path: Path, language: str, word: str
) -> None:
    """`--language` chooses between the Spanish and the English heading of the findings."""
    source = original.save(tmp_path / "dumps", original.written(original.SMALL))
    where = ("--sqlite", str(tmp_path / "shop"))
    done = await adopt(tmp_path, *source, *where, "--language", language)

    assert word in done.output


async def test_it_ends_with_0_once_all_is_decided(tmp_path: Path) -> None:
    """An owner who has seen the refused rows says so in the file."""
    source = original.save(tmp_path / "dumps", original.written(original.SMALL))
    where = ("--sqlite", str(tmp_path / "shop"))
    first = await adopt(tmp_path, *source, *where)
    file = tmp_path / "adoption.toml"
    text = file.read_text("utf-8")
    file.write_text(text.replace('"undecided"', '"leave_out"'), "utf-8")
    second = await adopt(tmp_path, *source, *where)

    assert (first.code, second.code) == (1, 0)
    assert file.read_text("utf-8") == text.replace('"undecided"', '"leave_out"')


async def test_the_report_may_go_to_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a Job's does: its log is all that stays."""
    source = original.save(tmp_path / "dumps", original.written(original.SMALL))
    report = tmp_path / "report.jsonl"
    report.touch()
    await adopt(tmp_path, *source, "--sqlite", str(tmp_path / "shop"), "--report=-")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert report.read_text("utf-8") == ""
    assert {"accounts-merged", "payment-again"} <= {line.get("what") for line in lines}


@pytest.mark.parametrize("lines", [0, 1])
async def test_a_report_that_nobody_reads_on_stops_nothing(tmp_path: Path, lines: int) -> None:
    """As with `--report=- | head -1`: the decisions are written, and the move is made.

    The exit codes are those of a run that is read.
    """
    source = original.save(tmp_path / "dumps", original.written(original.SMALL))
    urls = {name: f"sqlite:///{tmp_path}/shop/{name}.db" for name in SERVICES}
    options = [*source, "--sqlite", str(tmp_path / "shop"), "--language=en", "--report=-"]
    options += ["--decisions", str(tmp_path / "adoption.toml")]
    (tmp_path / "read").mkdir()
    dry = run_unread("functions.adoption", *options, lines=lines)
    decided = (tmp_path / "adoption.toml").exists()
    applied = run_unread("functions.adoption", *options, "--apply", lines=lines)
    moved = await checksum(urls)
    read = await adopt(tmp_path, *source, *options_for(urls), "--apply")

    assert (dry, decided) == ((read.code, ""), True)
    assert applied == (read.code, "")
    assert "nothing to do" in read.output
    assert await checksum(urls) == moved
