"""Fields that the pages write into every form, and the handlers read."""

ACCOUNT = "account_id"
"""The id of the account that the form's page was shown to. It is only compared and allows nothing,
so it is not sealed: who changes it gives up a protection of their own."""
