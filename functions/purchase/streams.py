"""The stream of another service that purchase consumes; what it publishes is in `events.py`."""

from functions.kit.events.subscriptions import Stream

BOOKS = Stream(source="/bookstore/catalog/books", owner="catalog", name="books")
