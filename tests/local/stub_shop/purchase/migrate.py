"""What the runner calls before it starts the service."""

from tests.local.stub_shop.service import migrate

if __name__ == "__main__":
    migrate("purchase")
