"""The tour finds the running shop, or reports what it lacks."""

import os
from pathlib import Path

import pytest

from functions.local.data_folder import DataFolder
from functions.local.dev import RUNNING_FILE
from functions.local.errors import ShopError
from functions.local.ports import SERVICES
from functions.local.programs import Admin
from functions.local.tour import Shop, find_shop
from tests.local.subscribers import CannedResponse, subscribing
from tests.servers.programs import free_port


def folder_of_a_shop_at(url: str, path: Path, pid: int) -> DataFolder:
    folder = DataFolder(path)
    folder.write(RUNNING_FILE, {"pid": pid, **dict.fromkeys(SERVICES, url)})
    return folder


async def test_the_running_shop_is_found_by_its_data_folder(tmp_path: Path) -> None:
    """The URLs come from running.json and the admin from admin.json."""
    async with subscribing() as service:
        folder = folder_of_a_shop_at(service.url, tmp_path, os.getpid())
        folder.write("admin.json", {"email": "admin@bookstore.example", "password": "secret"})

        found = await find_shop(folder)

    assert found == Shop(
        dict.fromkeys(SERVICES, service.url),
        Admin("admin@bookstore.example", "secret"),
        folder=folder,
    )


async def test_the_running_storefront_is_found_with_its_shop(tmp_path: Path) -> None:
    """Its URL is the field `storefront` of running.json."""
    async with subscribing() as service:
        folder = folder_of_a_shop_at(service.url, tmp_path, os.getpid())
        folder.write(RUNNING_FILE, {**(folder.read(RUNNING_FILE) or {}), "storefront": "http://x"})
        folder.write("admin.json", {"email": "admin@bookstore.example", "password": "secret"})

        found = await find_shop(folder)

    assert found is not None
    assert found.storefront == "http://x"


async def test_a_restarting_shop_is_waited_for(tmp_path: Path) -> None:
    """A service that answers 503 is asked again while the runner's process exists."""
    async with subscribing() as service:
        responses = iter([CannedResponse(503), CannedResponse(503)])
        service.respond = lambda _: next(responses, CannedResponse(200))
        folder = folder_of_a_shop_at(service.url, tmp_path, os.getpid())
        folder.write("admin.json", {"email": "admin@bookstore.example", "password": "secret"})

        assert await find_shop(folder) is not None


async def test_the_state_of_a_killed_runner_is_not_a_running_shop(tmp_path: Path) -> None:
    """If running.json has the id of no process and its URLs do not respond, no shop is found."""
    no_process = 2**22 + 1  # above the highest process id of Linux
    url = f"http://127.0.0.1:{free_port()}"

    assert await find_shop(folder_of_a_shop_at(url, tmp_path, no_process)) is None


async def test_the_admin_can_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FIRST_ADMIN_EMAIL and FIRST_ADMIN_PASSWORD are used if the data folder has no admin.json."""
    monkeypatch.setenv("FIRST_ADMIN_EMAIL", "me@example.org")
    monkeypatch.setenv("FIRST_ADMIN_PASSWORD", "secret")
    async with subscribing() as service:
        found = await find_shop(folder_of_a_shop_at(service.url, tmp_path, os.getpid()))

    assert found is not None
    assert found.admin == Admin("me@example.org", "secret")


async def test_a_shop_without_a_known_admin_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ShopError` if neither the data folder nor the environment has an admin."""
    monkeypatch.delenv("FIRST_ADMIN_EMAIL", raising=False)
    async with subscribing() as service:
        folder = folder_of_a_shop_at(service.url, tmp_path, os.getpid())

        with pytest.raises(ShopError, match="holds no admin"):
            await find_shop(folder)
