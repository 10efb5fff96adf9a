"""The successor of a used refresh token; an index of password hashes, to find legacy ones."""

from functions.kit.data.schema import TEXT, TIMESTAMP, AddColumn, AddIndex, Column, Index

operations = [
    AddColumn("refresh_tokens", Column("successor", TEXT, null=True)),
    AddColumn("refresh_tokens", Column("sealed_until", TIMESTAMP, null=True)),
    AddIndex("refresh_tokens", Index("ix_refresh_tokens_sealed", ("sealed_until",))),
    AddIndex("users", Index("ix_users_password_hash", ("password_hash",))),
]
