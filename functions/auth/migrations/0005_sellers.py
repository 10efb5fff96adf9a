"""The role `seller`: the constraint of `user_roles.role` permits it.

The previous revision does not know the role, and cannot list an account that has it. So it is given
once the rollout is over. SQLite cannot alter a constraint, so the table is made anew there.
"""

from functions.kit.data.schema import Execute

_CHECK = "CHECK (role IN ('customer', 'seller', 'staff', 'admin'))"
_CREATE = f"""CREATE TABLE user_roles_with_sellers (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT,
    "user_id" BIGINT NOT NULL,
    "role" VARCHAR(20) NOT NULL,
    CONSTRAINT "fk_user_roles_user_id" FOREIGN KEY ("user_id") REFERENCES "users" ("id"),
    CONSTRAINT "ck_user_roles_role" {_CHECK}
)"""
_COPY = """INSERT INTO user_roles_with_sellers (id, user_id, role)
    SELECT id, user_id, role FROM user_roles"""
_ALTER = f"""ALTER TABLE user_roles
    DROP CONSTRAINT ck_user_roles_1,
    ADD CONSTRAINT ck_user_roles_role {_CHECK}"""

operations = [
    Execute(
        unless="SELECT 1 FROM information_schema.table_constraints"
        " WHERE constraint_schema = DATABASE() AND table_name = 'user_roles'"
        " AND constraint_name = 'ck_user_roles_role'",
        sqlite=[
            _CREATE,
            _COPY,
            "DROP TABLE user_roles",
            "ALTER TABLE user_roles_with_sellers RENAME TO user_roles",
            "CREATE UNIQUE INDEX ux_user_roles ON user_roles (user_id, role)",
            "CREATE INDEX ix_user_roles_role ON user_roles (role, user_id)",
        ],
        mysql=[_ALTER],
    ),
]
