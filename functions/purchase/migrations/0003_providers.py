"""Delivery providers can be retired, and have the countries that they deliver to.

`coverage` stays for the previous release, which writes free text into it.
"""

from functions.kit.data.schema import BOOLEAN, AddColumn, Column, varchar

operations = [
    AddColumn("providers", Column("countries", varchar(1000), default="''")),
    AddColumn("providers", Column("retired", BOOLEAN, default="0")),
]
