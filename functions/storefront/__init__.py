"""The storefront: pages for people, made of the public APIs of the other services."""
