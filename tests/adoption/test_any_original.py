"""Whatever the original's rows are, they are moved or reported, and nothing of people is told."""

import re
from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.adoption import original
from tests.adoption.original import Rows
from tests.adoption.running import adopt, opened, rows
from tests.adoption.test_moving import breaches

CARDS = ("4012888888881881", "5500-0000-0000-0004", "3782 822463 10005")
SECRETS = (
    "ana.secreta@example.org",
    "ana.secreta @ example.org",
    "eva＠oculta.example",
    original.HASH,
    "scrypt:32768:8:1$zulbFVJp36MlTOVO$1f65d99c8df9d251e7a49089b75281dc",
    "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
    "5f4dcc3b5aa765d61d8327deb882cf99",
)
PERSONAL = "Zoraida-Privada"
"""In a person's name, or in a contact: columns of which nothing is told."""

IDS = st.one_of(
    st.integers(1, 6), st.sampled_from([-1, 0, 2**31 - 1, 2**31, 2**53]), st.integers(1, 2**31)
)
REFERENCES = st.one_of(st.none(), st.integers(1, 6), st.integers(-(2**31), 2**31))
INTEGERS = st.one_of(
    st.none(), st.integers(-2, 5), st.sampled_from([-(2**31), 10**6, 10**6 + 1, 2**31 - 1, 2**53])
)
AMOUNTS = st.one_of(
    st.none(),
    st.sampled_from([0, 12.5, 25, 30.3, 30.299999, 1e10, 3.4e38, -3.4e38, 1e-7, 0.005, -1, 123457]),
    st.floats(-(2.0**40), 2.0**40, allow_nan=False, width=32),
)
PLAIN = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
TEXTS = st.one_of(
    st.none(),
    st.sampled_from(
        ["", " ", "\0\r\n", "Rayuela", "MarÃ­a", "x" * 6000, "1a" * 150, "\ufb2c" * 150]
    ),
    PLAIN,
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["", "pagado con ", "x ", "é" * 50 + " "]),
        st.sampled_from([*CARDS, *SECRETS]),
        st.sampled_from(["", " y más", " " + "ñ" * 80]),
    ),
)
STATUSES = st.one_of(
    st.sampled_from(
        ["Paid", "Pending Payment", "On Delivery", "Delivered", "Entregado", "EnvÃ­ada", "???"]
    ),
    TEXTS,
)
EMAILS = st.one_of(
    st.sampled_from(
        ["ana@example.org", " ANA@example.org", "muñoz@example.net", "muÃ±oz@example.net", "a"]
    ),
    TEXTS,
)
NAMES = st.one_of(st.none(), st.builds("{}{}".format, st.just(PERSONAL), PLAIN), TEXTS)
PASSWORDS = st.one_of(st.none(), st.just(original.HASH), TEXTS)
METHODS = st.one_of(st.sampled_from(["PSE", "Completed"]), TEXTS)
STATES = st.one_of(st.just("Completed"), TEXTS)

COLUMNS: Mapping[str, tuple[st.SearchStrategy[object], ...]] = {
    "auth.user": (IDS, NAMES, EMAILS, PASSWORDS),
    "catalog.book": (IDS, TEXTS, TEXTS, TEXTS, AMOUNTS, INTEGERS),
    "main.book": (IDS, TEXTS, TEXTS, TEXTS, AMOUNTS, INTEGERS),
    "main.purchase": (IDS, REFERENCES, REFERENCES, INTEGERS, AMOUNTS, STATUSES),
    "main.payment": (IDS, REFERENCES, AMOUNTS, METHODS, STATES),
    "main.delivery_provider": (IDS, NAMES, NAMES),
    "main.delivery_assignment": (IDS, REFERENCES, REFERENCES, STATUSES),
}

ORIGINALS: st.SearchStrategy[Rows] = st.fixed_dictionaries(
    {
        label: st.lists(st.tuples(*columns), max_size=8, unique_by=lambda row: row[0])
        for label, columns in COLUMNS.items()
    }
).filter(lambda tables: any(tables.values()))


def told(written: str) -> list[str]:
    """What a text gives away."""
    digits = re.sub(r"\D", "", written)
    found = [card for card in CARDS if card in written or re.sub(r"\D", "", card) in digits]
    hidden = [PERSONAL, "ana.secreta", "oculta.example", "zulbFVJp36MlTOVO", "1f65d99c"]
    hidden += ["R9h/cIPz0gi", "5f4dcc3b5aa7"]
    return [*found, *(secret for secret in hidden if secret in written)]


@settings(deadline=None)
@given(
    secret=st.sampled_from([*CARDS, *SECRETS]),
    before=st.sampled_from(["", "pagado con ", "é" * 50 + " ", "\n"]),
    after=st.sampled_from(["", " y más", " " + "ñ" * 80, "\t"]),
    language=st.sampled_from(["es", "en"]),
)
async def test_no_secret_is_told_whatever_column_it_is_in(
    tmp_path_factory: pytest.TempPathFactory, secret: str, before: str, after: str, language: str
) -> None:
    """In rows that are moved, and in rows that are refused: all their texts have it."""
    folder = tmp_path_factory.mktemp("original")
    text = f"{before}{secret}{after}"
    book = (text, text, text, 12.5, 3)
    tables: Rows = {
        "auth.user": [(number, PERSONAL + text, text, text) for number in (-1, 1, 2)],
        "catalog.book": [(1, *book)],
        "main.book": [(-1, *book), (1, *book)],
        "main.purchase": [
            (1, 1, 1, 1, 12.5, text),
            (2, 1, 1, 0, 12.5, text),
            (3, 1, 9, 1, 1, text),
        ],
        "main.payment": [(1, 1, 12.5, text, "Completed"), (2, 1, 12.5, text, text)],
        "main.delivery_provider": [(number, text, PERSONAL + text) for number in (-1, 1, 2)],
        "main.delivery_assignment": [(1, 1, 1, text), (2, 2, 1, text), (3, 9, 9, text)],
    }
    source = original.save(folder / "dumps", original.written(tables))
    done = await adopt(folder, *source, "--sqlite", str(folder / "shop"), "--language", language)
    files = [(folder / name).read_text("utf-8") for name in ("report.jsonl", "adoption.toml")]

    assert {"status-by-payments", "id-invalid", "quantity-invalid"} <= {
        line.get("what") for line in done.report
    }
    assert told("\n".join([done.output, *files])) == []


@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(tables=ORIGINALS, decided=st.sampled_from(["leave_out", "closed_account"]))
async def test_any_original_is_moved_or_reported(
    tmp_path_factory: pytest.TempPathFactory, tables: Rows, decided: str
) -> None:
    """Its money is explained to the cent, the moved shop is sound, and no secret is told."""
    folder = tmp_path_factory.mktemp("original")
    source = original.save(folder / "dumps", original.written(tables))
    where = (*source, "--sqlite", str(folder / "shop"))
    dry = await adopt(folder, *where)
    in_spanish = await adopt(folder, *where, "--language", "es")
    written = (folder / "adoption.toml").read_text("utf-8")
    report = (folder / "report.jsonl").read_text("utf-8")
    (folder / "adoption.toml").write_text(_decided(written, decided), "utf-8")
    done = await adopt(folder, *where, "--apply")
    again = await adopt(folder, *where, "--apply")

    assert told(f"{dry.output}\n{in_spanish.output}\n{written}\n{report}\n{done.output}") == []
    assert done.sums()["unexplained"] == (0, 0)
    assert done.code == 0
    assert "nothing to do" in again.output
    urls = {name: f"sqlite:///{folder}/shop/{name}.db" for name in ("auth", "catalog", "purchase")}
    assert await breaches(urls) == []
    assert await _in_place(urls, tables, done.report) == []


def _decided(text: str, unknown_users: str) -> str:
    """The file after the owner has read it: everything is decided."""
    text = text.replace('unknown_users = "undecided"', f'unknown_users = "{unknown_users}"')
    return text.replace('texts = "refuse"', 'texts = "repair"').replace(
        '"undecided"', '"leave_out"'
    )


async def _in_place(
    urls: Mapping[str, str], tables: Rows, report: list[dict[str, object]]
) -> list[object]:
    """The rows of the original that are neither here under their id nor reported."""
    reported = {(line.get("table"), line.get("id")) for line in report}
    here: dict[str, set[int]] = {}
    async with opened(urls) as there:
        for label, service, table in (
            ("auth.user", "auth", "users"),
            ("main.book", "catalog", "books"),
            ("main.purchase", "purchase", "purchases"),
            ("main.delivery_provider", "purchase", "providers"),
        ):
            found = await rows(there[service], f"SELECT id FROM {table}")  # noqa: S608
            here[label] = {row["id"] for row in found}
    return [
        (label, row[0])
        for label, ids in here.items()
        for row in tables[label]
        if row[0] not in ids and (label, row[0]) not in reported
    ]
