"""Delivery providers are changed and retired, and say which countries they go to.

`coverage` stays for the release before, which writes free text into it.
"""

from functions.kit.data.schema import BOOLEAN, AddColumn, Column, varchar

operations = [
    AddColumn("providers", Column("countries", varchar(1000), default="''")),
    AddColumn("providers", Column("retired", BOOLEAN, default="0")),
]
