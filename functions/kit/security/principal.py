"""The caller of a request, as an access token describes it, and the roles that exist."""

from datetime import datetime
from typing import NamedTuple

CUSTOMER, SELLER, STAFF, ADMIN = "customer", "seller", "staff", "admin"
ROLES = frozenset({CUSTOMER, SELLER, STAFF, ADMIN})


class Principal(NamedTuple):
    """The claims of a verified access token that authorization depends on."""

    user_id: int
    roles: frozenset[str]
    token_id: str
    issued_at: datetime
    expires_at: datetime

    @property
    def is_staff(self) -> bool:
        return not self.roles.isdisjoint({STAFF, ADMIN})
