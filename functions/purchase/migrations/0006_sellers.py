"""The seller of each book, and of each sold line with its time.

The columns are nullable, because the previous revision writes rows without them during a rollout.
Such a line is in no seller's sales, so the first seller gets the role once the rollout is over.
"""

from functions.kit.data.schema import BIGINT, TIMESTAMP, AddColumn, AddIndex, Column, Index

operations = [
    AddColumn("books", Column("seller_id", BIGINT, null=True)),
    AddColumn("purchase_items", Column("seller_id", BIGINT, null=True)),
    AddColumn("purchase_items", Column("sold_at", TIMESTAMP, null=True)),
    AddIndex("purchase_items", Index("ix_purchase_items_sold", ("seller_id", "sold_at", "id"))),
]
