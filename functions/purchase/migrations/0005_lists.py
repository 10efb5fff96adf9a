"""Indexes for the lists of purchases, payments and deliveries; who moved and who refunded.

Every index of a list ends with the id, which orders rows of the same moment or amount.
"""

from functions.kit.data.schema import (
    AUTO_ID,
    BIGINT,
    TIMESTAMP,
    AddColumn,
    AddIndex,
    Column,
    CreateTable,
    ForeignKey,
    Index,
    varchar,
)

operations = [
    AddIndex("purchases", Index("ix_purchases_created", ("created_at", "id"))),
    AddIndex("purchases", Index("ix_purchases_by_status", ("status", "created_at", "id"))),
    AddIndex("purchases", Index("ix_purchases_by_user", ("user_id", "created_at", "id"))),
    AddIndex("purchases", Index("ix_purchases_total", ("total_minor", "id"))),
    AddIndex("purchase_items", Index("ix_purchase_items_by_book", ("book_id", "purchase_id"))),
    AddIndex("payments", Index("ix_payments_created", ("created_at", "id"))),
    AddIndex("payments", Index("ix_payments_by_status", ("status", "created_at", "id"))),
    AddIndex("payments", Index("ix_payments_by_user", ("user_id", "created_at", "id"))),
    AddIndex("payments", Index("ix_payments_amount", ("amount_minor", "id"))),
    AddIndex("assignments", Index("ix_assignments_created", ("created_at", "id"))),
    AddIndex("assignments", Index("ix_assignments_by_status", ("status", "created_at", "id"))),
    AddIndex(
        "assignments", Index("ix_assignments_by_provider", ("provider_id", "created_at", "id"))
    ),
    AddColumn("refunds", Column("requested_by", BIGINT, null=True)),
    CreateTable(
        "assignment_timeline",
        [
            Column("id", AUTO_ID),
            Column("assignment_id", BIGINT),
            Column("status", varchar(20)),
            Column("at", TIMESTAMP),
            Column("user_id", BIGINT, null=True),
        ],
        indexes=[Index("ix_assignment_timeline_assignment", ("assignment_id", "id"))],
        foreign_keys=[ForeignKey("assignment_id", "assignments")],
    ),
]
