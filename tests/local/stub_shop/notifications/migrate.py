"""The migration, which the runner runs before it starts the service."""

from tests.local.stub_shop.service import migrate

if __name__ == "__main__":
    migrate("notifications")
