"""What an administrator sees of the services, and does with their dead letters."""

import asyncio
import re
from datetime import timedelta

import httpx
import pytest
from piccolo.querystring import QueryString

from functions.kit.data import audit_runs
from functions.kit.data.audit_runs import Breach
from functions.kit.data.database import Database
from functions.kit.data.migrations import load
from functions.kit.events import dead_letters
from functions.purchase import migrations
from tests.journeys.shop_in_process import ADMIN, ShopInProcess
from tests.storefront.staff_shop import put_aside
from tests.storefront.visitor import Visitor, open_back_office, open_storefront, text_of

HOSTILE = '<script>alert(1)</script>\u202e"{"\x07'


def database_of(shop: ShopInProcess, service: str) -> Database:
    found: Database = shop.apps[service].state.services.database
    return found


async def test_a_shop_in_good_order_says_so(shop: ShopInProcess, admin: Visitor) -> None:
    """Each service has a card; only the audit, which a new shop has not run yet, is a notice."""
    page = await admin.get("/en/admin/operations")
    text = text_of(page)

    assert page.status_code == 200
    for service in ("auth", "catalog", "purchase", "notifications", "storefront"):
        assert f'id="s-{service}"' in page.text
    assert "purchase has not been audited yet." in text
    assert "Critical" not in text
    assert "Warning" not in text


async def test_what_is_wrong_comes_first_and_worst_first(
    shop: ShopInProcess, admin: Visitor
) -> None:
    """With the runbook of each, before the cards of the services."""
    await put_aside(shop, "catalog", "nonsense")
    await audit_runs.record(
        database_of(shop, "purchase"),
        started_at=shop.clock(),
        finished_at=shop.clock() - timedelta(days=3),
        checked=20,
        breaches=[Breach("on hand = available + reserved", 2)],
    )
    del shop.clients["auth"]  # it cannot be reached any more
    page = await admin.get("/en/admin/operations")
    found = re.findall(r"docs/runbooks/([a-z-]+)\.md", page.text)

    assert page.status_code == 200
    assert found == ["service-away", "audit-not-clean", "dead-letters", "audit-not-clean"]
    assert page.text.index("docs/runbooks/") < page.text.index('id="s-auth"')
    assert "auth does not answer." in text_of(page)
    assert "The last audit of purchase was 3 days ago." in text_of(page)


async def test_runbooks_are_links_where_they_can_be_read(shop: ShopInProcess) -> None:
    """`RUNBOOKS_URL` says where."""
    await put_aside(shop, "catalog", "nonsense")
    url = "https://git.example/docs/runbooks/"
    async with open_storefront(shop, RUNBOOKS_URL=url) as visitor:
        await visitor.sign_in(*ADMIN)
        page = await visitor.get("/en/admin/operations")

    assert 'href="https://git.example/docs/runbooks/dead-letters.md"' in page.text


async def test_a_service_that_answers_503_is_told_apart(
    shop: ShopInProcess, admin: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its database is away; the page of the service says so too."""
    client = shop.clients["catalog"]

    async def unavailable(*_: object, **__: object) -> httpx.Response:
        return httpx.Response(503)

    monkeypatch.setattr(client, "request", unavailable)
    pages = [await admin.get(f"/en/admin/operations{path}") for path in ("", "/catalog")]

    assert [page.status_code for page in pages] == [200, 200]
    for page in pages:
        assert "docs/runbooks/database-away.md" in page.text


async def test_a_service_that_is_frozen_is_not_waited_for(
    shop: ShopInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are shown, once its time is over."""
    thawed = asyncio.Event()

    async def frozen(*_: object, **__: object) -> httpx.Response:
        await thawed.wait()
        raise httpx.ReadError("the service was ended")

    async with open_storefront(shop, SERVICE_TIMEOUT_SECONDS="1") as visitor:
        await visitor.sign_in(*ADMIN)
        monkeypatch.setattr(shop.clients["purchase"], "request", frozen)
        page = await visitor.get("/en/admin/operations")
        letters = await visitor.get("/en/admin/dead-letters")
        thawed.set()  # other services may have asked it too, and the shop's end waits for them

    assert (page.status_code, letters.status_code) == (200, 200)
    assert "purchase does not answer." in text_of(page)
    assert "up to date" in text_of(page)
    assert "It does not answer." in text_of(letters)


async def test_the_page_of_a_service_has_everything(shop: ShopInProcess, admin: Visitor) -> None:
    """Streams, tasks, migrations and starts, in both languages; an unknown service has none."""
    await shop.sell()
    english = await admin.get("/en/admin/operations/purchase")
    spanish = await admin.get("/es/admin/operations/purchase")
    unknown = await admin.get("/en/admin/operations/nothing")

    assert (english.status_code, spanish.status_code, unknown.status_code) == (200, 200, 404)
    newest = load(migrations)[-1]
    schema = f"{newest.version:04d}_{newest.name}"
    for word in ("reconcile", "books", "from catalog", schema, "Publishes inventory"):
        assert word in text_of(english)
    assert "Publica inventory" in text_of(spanish)
    assert "Last backup no backup known" in text_of(english)
    assert "Última copia de seguridad no se conoce ninguna" in text_of(spanish)


async def test_an_old_backup_is_found(shop: ShopInProcess, admin: Visitor) -> None:
    """With its runbook; the page of the service names the file."""
    await database_of(shop, "auth").execute(
        QueryString(
            "INSERT INTO backups (file, bytes, finished_at) VALUES ('a.sql.gz', 12345, {})",
            shop.clock() - timedelta(days=3),
        )
    )
    overview = await admin.get("/en/admin/operations")
    page = await admin.get("/en/admin/operations/auth")
    sentence = "The last good backup of the database of auth was made 3 days ago."

    assert sentence in text_of(overview)
    assert sentence in text_of(page)
    assert "docs/runbooks/backup.md" in overview.text
    assert "a.sql.gz , 12,345 bytes" in text_of(page)


async def test_a_status_holds_no_data_of_people_and_no_secret(shop: ShopInProcess) -> None:
    """Neither an address, nor a token, nor where the database is, of any service."""
    await shop.sign_up("ana")
    await put_aside(shop, "auth", '{"email": "eva@example.org"}')
    answers = [
        (await shop.call(service, "GET", "/internal/status", user="admin")).text
        for service in shop.apps
    ]

    assert [answer for answer in answers if '"checked_at"' not in answer] == []
    for private in ("@", "ana", "sqlite:///", shop.tokens["admin"], "eyJ"):
        assert [answer for answer in answers if private in answer] == []


async def test_an_admin_replays_a_dead_letter(shop: ShopInProcess, admin: Visitor) -> None:
    """It is found from the operations page, and is replayed once it can be processed."""
    await put_aside(shop, "purchase", HOSTILE)
    overview = await admin.get("/en/admin/dead-letters")
    refused = await admin.submit("/en/admin/dead-letters/purchase/1/replay")
    database = database_of(shop, "purchase")
    good = '{"specversion":"1.0","id":"1","source":"/x","type":"y","data":{}}'
    await database.execute(QueryString("UPDATE dead_letters SET body = {} WHERE id = 1", good))
    await database.execute(
        QueryString(
            "UPDATE dead_letters SET headers = {} WHERE id = 1",
            '{"content-type":"application/cloudevents+json"}',
        )
    )
    replayed = await admin.submit("/en/admin/dead-letters/purchase/1/replay")

    assert "/en/admin/dead-letters/purchase/1" in overview.text
    assert "The event cannot be processed as it is" in text_of(refused)
    assert "no handler wants events of this type" in text_of(replayed)
    assert "Replay refused" in text_of(replayed)
    assert await dead_letters.count_waiting(database) == 0


async def test_a_hostile_body_is_shown_as_text(shop: ShopInProcess, admin: Visitor) -> None:
    """No markup is run, and no invisible character changes what is read."""
    await put_aside(shop, "catalog", HOSTILE)
    page = await admin.get("/en/admin/dead-letters/catalog/1")

    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\u202e" in page.text
    assert "\\u0007" in page.text
    assert "\u202e" not in page.text


async def test_a_letter_is_discarded_with_a_reason(shop: ShopInProcess, admin: Visitor) -> None:
    """Without one the form is shown again; the record names who discarded it."""
    await put_aside(shop, "catalog", "nonsense")
    path = "/en/admin/dead-letters/catalog/1"
    refused = await admin.submit(f"{path}/discard", reason=" ")
    done = await admin.submit(f"{path}/discard", reason="<b>forged</b>")
    listed = await admin.get("/en/admin/dead-letters/catalog?state=discarded")

    assert (refused.status_code, done.status_code) == (400, 200)
    assert "Write in one line why the event is not needed." in text_of(refused)
    assert "<b>forged</b>" in text_of(done)
    assert "user 1" in text_of(done)
    assert f'href="{path}"' in listed.text


async def test_all_that_wait_are_replayed_at_once(shop: ShopInProcess, admin: Visitor) -> None:
    """After a confirmation; how many were done and how many not is told."""
    for number in range(3):
        await put_aside(shop, "catalog", f"nonsense {number}")
    asked = await admin.get("/en/admin/dead-letters/catalog/replay-all")
    done = await admin.submit("/en/admin/dead-letters/catalog/replay-all")

    assert "Replay all dead letters of catalog?" in text_of(asked)
    assert "0 events were processed again; 3 cannot be processed" in text_of(done)


async def test_dead_letters_of_a_service_that_is_away_hide_no_others(
    shop: ShopInProcess, admin: Visitor
) -> None:
    """Its part of the page says that it does not answer."""
    await put_aside(shop, "catalog", "nonsense")
    del shop.clients["purchase"]
    page = await admin.get("/en/admin/dead-letters")

    assert page.status_code == 200
    assert "/en/admin/dead-letters/catalog/1" in page.text
    assert "It does not answer." in text_of(page)


@pytest.mark.parametrize("path", ["7", "nothing/1", "catalog/99", "catalog/x"])
async def test_an_unknown_letter_is_not_found(admin: Visitor, path: str) -> None:
    """404, with the shop's page."""
    assert (await admin.get(f"/en/admin/dead-letters/{path}")).status_code == 404


async def test_users_are_found_and_get_roles(shop: ShopInProcess, admin: Visitor) -> None:
    """A role that was changed meanwhile is not overwritten, and none at all is refused."""
    user_id = await shop.sign_up("ana")
    found = await admin.get("/en/admin/users?q=ana&role=customer")
    path = f"/en/admin/users/{user_id}"
    given = await admin.submit(
        f"{path}/roles", seen="customer", **{"role-customer": 1, "role-staff": 1}
    )
    stale = await admin.submit(f"{path}/roles", seen="customer", **{"role-customer": 1})
    none = await admin.submit(f"{path}/roles", seen="customer staff")
    account = await shop.call("auth", "GET", f"/users/{user_id}", user="admin")

    assert f'href="{path}"' in found.text
    assert "The roles of ana@example.org are changed." in text_of(given)
    assert (stale.status_code, none.status_code) == (409, 409)
    assert account.json()["roles"] == ["customer", "staff"]


async def test_an_account_is_disabled_after_a_confirmation(
    shop: ShopInProcess, admin: Visitor
) -> None:
    """And enabled again; each may be sent twice."""
    user_id = await shop.sign_up("ana")
    path = f"/en/admin/users/{user_id}"
    asked = await admin.get(f"{path}/disable")
    states = []
    for change in ("disable", "disable", "enable", "enable"):
        await admin.submit(f"{path}/{change}")
        account = await shop.call("auth", "GET", f"/users/{user_id}", user="admin")
        states.append(account.json()["disabled"])

    assert "Disable ana@example.org?" in text_of(asked)
    assert states == [True, True, False, False]


async def test_nobody_locks_oneself_out(shop: ShopInProcess, admin: Visitor) -> None:
    """Neither by disabling the own account nor by giving up the role."""
    page = await admin.get("/en/admin/users/1")
    disabled = await admin.submit("/en/admin/users/1/disable")
    demoted = await admin.submit("/en/admin/users/1/roles", seen="admin", **{"role-customer": 1})
    account = (await shop.call("auth", "GET", "/users/1", user="admin")).json()

    assert 'href="/en/admin/users/1/disable"' not in page.text
    assert "This is your own account" in text_of(disabled)
    assert "This is your own account" in text_of(demoted)
    assert (account["roles"], account["disabled"]) == (["admin"], False)


async def test_a_key_is_rotated_once_by_two_clicks(shop: ShopInProcess) -> None:
    """The form names the key that it replaces. Nobody is signed out."""
    async with open_back_office(shop, "admin") as admin:
        before = (await shop.call("auth", "GET", "/admin/keys", user="admin")).json()
        asked = await admin.get("/en/admin/keys/rotate")
        replaces = before[0]["kid"]
        pages = [await admin.submit("/en/admin/keys/rotate", replaces=replaces) for _ in range(2)]
        unknown = await admin.submit("/en/admin/keys/rotate", replaces="unknown")
        after = (await shop.call("auth", "GET", "/admin/keys", user="admin")).json()

    assert f'value="{replaces}"' in asked.text
    assert [page.status_code for page in pages] == [200, 200]
    assert "A new key signs from now on." in text_of(pages[0])
    assert "That key does not sign any more." in text_of(unknown)
    assert (len(before), len(after)) == (1, 2)
    assert [key["state"] for key in after] == ["active", "retired"]
