"""The bounds of one order. Purchase refuses what exceeds them; the storefront says so before."""

from functions.kit.base.money import MAX_MONEY_MINOR

MAX_LINES = 50
"""Different books in an order, and so in a cart."""
MAX_QUANTITY = 1000
"""Copies of one book in an order. A shop may set a smaller limit of unpaid copies."""
MAX_TOTAL_MINOR = MAX_MONEY_MINOR
"""Books and delivery: the largest amount that a payment, an expected total or an event can have."""
