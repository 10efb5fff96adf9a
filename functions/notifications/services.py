"""The typed dependencies of notifications' handlers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.kit.http import services as shared
from functions.kit.http.requests import AnyRequest
from functions.notifications.settings import NotificationsSettings

if TYPE_CHECKING:
    from functions.notifications.sender import Sender


@dataclass(kw_only=True)
class NotificationsServices(shared.Services):
    settings: NotificationsSettings
    sender: "Sender | None" = None
    """None in a process of the public API alone, which sends nothing."""


def services_of(request: AnyRequest) -> NotificationsServices:
    return shared.services_of(request, NotificationsServices)
