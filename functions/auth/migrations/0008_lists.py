"""An index for the list of accounts by their age; those by id and by address have one."""

from functions.kit.data.schema import AddIndex, Index

operations = [AddIndex("users", Index("ix_users_created", ("created_at", "id")))]
