"""A script that changes rows after it has written them is refused, however that is written."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.adoption.errors import NotTheOriginal
from tests.adoption import original
from tests.adoption.test_dump import empty, staged

ROWS = {"auth.user": [(10, "Ana", "a@b.co", "x")]}
CHANGES = [
    "UPDATE `user` SET `name` = 'Eva' WHERE `id` = 10;",
    "update user set name = 'Eva';",
    "UPDATE\n  `user`\nSET `name` = 'Eva';",
    "UPDATE`user`SET`name`='Eva';",
    "UPDATE LOW_PRIORITY `visits` AS v, `user` AS u SET u.`name` = v.`name`;",
    "SET @a=1; UPDATE `user` SET `name` = @a;",
    "SET @a=';'; UPDATE `user` SET `name` = 'Eva';",
    "SET @a='\n;'; DELETE FROM `user`;",
    "USE `blog`;\nUPDATE `bookstore_auth`.`user` SET `name` = 'Eva';",
    "use blog; use bookstore_auth; DELETE FROM `user`;",
    "USE blog;\nUSE bookstore_auth;\nDELETE FROM `user`;",
    "use bookstore_auth\nDELETE FROM `user`;",
    "DELETE FROM `user` WHERE `id` = 10;",
    "DELETE\nFROM `user`;",
    "DELETE `u` FROM `user` AS `u`;",
    "WITH `o` AS (SELECT 10 AS `id`) DELETE FROM `user` WHERE `id` IN (SELECT `id` FROM `o`);",
    "/*!40000 TRUNCATE TABLE `user` */;",
    "TRUNCATE `user`;",
    "/* one\n two */ DELETE FROM `user`;",
    "-- one; two's\nDELETE -- FROM `visits`;\nFROM `user`;",
    "INSERT INTO `visits` VALUES (1,'a;b'); DELETE FROM `user`;",
    "INSERT INTO `visits` VALUES\n(1,'it\\'s;\n'),\n(2,'');DELETE FROM `user`;",
    "DELETE FROM `user`",
    "DROP TABLE IF EXISTS `user`;",
    "DROP TABLE\n `visits`, `user`;",
    "DROP DATABASE `bookstore_auth`;",
    "drop schema if exists bookstore_auth;",
    "CREATE OR REPLACE DATABASE `bookstore_auth`;",
    "CREATE OR REPLACE\nTABLE `user` (`id` int);",
    "RENAME TABLE `user` TO `users`;",
    "ALTER TABLE `user` RENAME TO `users`;",
    "ALTER TABLE `user` DROP COLUMN `name`;",
    "ALTER TABLE `user`\n  ADD KEY `a` (`name`, `email`), CONVERT TO CHARACTER SET latin1;",
    "ALTER IGNORE TABLE `user` ADD UNIQUE KEY `a` (`name`);",
    "ALTER TABLE `visits` EXCHANGE PARTITION `p` WITH TABLE `user`;",
    "/*!50000 UPDATE `user` SET `name` = 'Eva' */;",
    "LOAD DATA LOCAL INFILE 'users.csv' INTO TABLE `user`;",
    "HANDLER `user` OPEN;",
    "BEGIN NOT ATOMIC DELETE FROM `user`; END;",
    "SET STATEMENT max_statement_time=1 FOR DELETE FROM `user`;",
    "ANALYZE DELETE FROM `user`;",
    "SET @a=1; INSERT INTO `user` VALUES (11,'Eva','e@b.co','x');",
    "UPDATE `visits` AS `v`, `user` AS `visits` SET `name` = 'Eva';",
    "UPDATE `visits` AS `v` JOIN bookstore_auth.user AS `u` SET `u`.`name` = 'Eva';",
    "DELIMITER ;;\nDELETE FROM `user`;;\nDELIMITER ;",
    "DELIMITER $$\nCREATE PROCEDURE `p`() SELECT 1; $$ DELETE FROM `user` $$\nDELIMITER ;",
    "DELIMITER //\nBEGIN NOT ATOMIC\n  DELETE FROM `user`;\nEND//\nDELIMITER ;",
    "DELIMITER ;;\nINSERT INTO `user` VALUES (11,'Eva','e@b.co','x');;\nDELIMITER ;",
    "DELIMITER ;;\nSELECT 1\nDELIMITER ;\nDELETE FROM `user`;",
    "SELECT 'a\nDELIMITER ;;\n';\nDELETE FROM `user`;\nDELIMITER ;",
    "DELIMITER ;;\nUSE bookstore_auth\nDELETE FROM `user`;;\nDELIMITER ;",
    "SELECT 'a\n/*\n';\nDELETE FROM `user`;\n-- */",
    "INSERT INTO `visits` VALUES (1,'\nUSE blog;\n');\nDELETE FROM `user`;",
    "/*\n-- Current Database: `blog`\n*/\nDELETE FROM `user`;",
]
"""Statements about the users, whose rows are there."""
OTHERS = [
    "UPDATE `visits` SET `user`=1;",
    "UPDATE `visits` SET `n` = 0 WHERE `user` = 'DROP TABLE `user`;';",
    "UPDATE `blog`.`user` SET `name` = 'Eva';",
    "DELETE FROM `visits` WHERE `user` IN (SELECT `id` FROM `user`);",
    "USE `blog`;\nDELETE FROM `user`;",
    "USE blog;\nDROP TABLE `user`;",
    "use blog\nDROP TABLE `user`;",
    "SET @a=1; USE `blog`; DROP TABLE `user`;",
    "DROP DATABASE `blog`;",
    "DROP TABLE IF EXISTS `user_copy`;",
    "-- DELETE FROM `user`;",
    "# DELETE FROM `user`;",
    "/* DELETE FROM `user`; */",
    "SELECT 'a' /* ;\nDELETE FROM `user`; */;",
    "INSERT INTO `visits` VALUES (1,'DELETE FROM `user`;');",
    "INSERT INTO `visits` VALUES (1,'a;\nDELETE FROM `user`;\n');",
    "LOCK TABLES `user` WRITE;\nUNLOCK TABLES;",
    "/*!40000 ALTER TABLE `user` ENABLE KEYS */;",
    "ALTER TABLE `user`\n  ADD PRIMARY KEY (`id`),\n  ADD UNIQUE KEY `e,(` (`email`, `name`);",
    "ALTER TABLE `user`\n  MODIFY `id` int(11) NOT NULL AUTO_INCREMENT, AUTO_INCREMENT=105;",
    "ALTER TABLE `visits`\n  ADD CONSTRAINT `v` FOREIGN KEY (`user`) REFERENCES `user` (`id`);",
    "CREATE TABLE `visits` (\n  `user` int REFERENCES `user` (`id`)\n) COMMENT='a; user';",
    "/*!50001 CREATE VIEW `readers` AS SELECT `user`.`name` FROM `user` */;",
    "/*!80002 ANALYZE TABLE `user` UPDATE HISTOGRAM ON `name` WITH 9 BUCKETS */;",
    "CREATE USER 'user'@'%';\nGRANT SELECT ON `bookstore_auth`.`user` TO 'user'@'%';",
    "DROP USER IF EXISTS user;",
    "COMMIT",
    "UPDATE `visits` AS `user` SET `n` = 0;",
    "DELIMITER ;;\nCREATE PROCEDURE `p`() BEGIN DELETE FROM `user`; CALL `q`(); END;;\nDELIMITER ;",
    (
        "DELIMITER $$\nDROP PROCEDURE IF EXISTS `p` $$\nCREATE PROCEDURE `p`()\nBEGIN\n"
        "  -- it's; `\n  PREPARE `s` FROM 'DELETE FROM `user`';\n  EXECUTE `s`;\n"
        "END $$\nDELIMITER ;"
    ),
    (
        "DELIMITER |\nCREATE TRIGGER `t` AFTER DELETE ON `user` FOR EACH ROW BEGIN\n"
        "  SET @a = '|;';\nINSERT INTO `user` VALUES (11,'Eva','e@b.co','x');\nEND|\ndelimiter ;"
    ),
    (
        "DELIMITER ;;\n/*!50106 CREATE*/ /*!50117 DEFINER=`a`@`%`*/ /*!50106 EVENT `e` ON SCHEDULE"
        " EVERY 1 DAY DO CALL `p`() */ ;;\nDELIMITER ;"
    ),
    "DELIMITER $$\nUSE blog$$\nDELETE FROM `user`$$\nDELIMITER ;",
    "GRANT EXECUTE ON PROCEDURE `bookstore_auth`.`p` TO 'a'@'%';",
    "CREATE SEQUENCE `s`;\nDO SETVAL(`s`, 1001, 0);",
]
"""Statements about others, and what dump programs write about a table."""


@pytest.mark.parametrize("change", CHANGES)
def test_rows_that_a_file_changes_afterwards_are_refused(tmp_path: Path, change: str) -> None:
    """No dump does so; a script that somebody has extended may."""
    auth = original.written(ROWS)["auth"] + change + "\n"

    with pytest.raises(
        NotTheOriginal, match=r"auth\.sql, line \d+: the statement changes the rows of auth"
    ):
        staged(tmp_path, empty(auth=auth))


@pytest.mark.parametrize("statement", OTHERS)
def test_statements_that_change_no_rows_of_the_originals_pass(
    tmp_path: Path, statement: str
) -> None:
    """Those about other tables and databases, and those that dump programs write."""
    auth = original.written(ROWS)["auth"] + statement + "\n"

    assert [row[0] for row in staged(tmp_path, empty(auth=auth))] == [10]


EXECUTING = [
    ("CALL `clean_up`();", "CALL"),
    ("call clean_up;", "CALL"),
    ("USE `blog`;\nCALL `clean_up`();", "CALL"),
    ("/*!50003 CALL `clean_up`() */;", "CALL"),
    ("DELIMITER ;;\nCALL `clean_up`();;\nDELIMITER ;", "CALL"),
    ("DELIMITER $$\nBEGIN NOT ATOMIC\n  CALL `clean_up`();\nEND $$\nDELIMITER ;", "CALL"),
    ("SET STATEMENT max_statement_time=1 FOR CALL `clean_up`();", "CALL"),
    ("SET @a = 'DELETE FROM `user`';\nPREPARE `s` FROM @a;\nEXECUTE `s`;", "PREPARE"),
    ("EXECUTE IMMEDIATE 'DELETE FROM `user`';", "EXECUTE"),
    ("source more.sql\nDROP TABLE `visits`;", "SOURCE"),
    ("\\. more.sql;", "\\."),
    ("CONNECT blog;", "CONNECT"),
    ("SET @a = 1; DELIMITER ;;", "DELIMITER"),
]
"""Statements that execute others, and the word that is reported."""


@pytest.mark.parametrize(("statement", "word"), EXECUTING)
@pytest.mark.parametrize("is_before", [True, False], ids=["before the rows", "after the rows"])
def test_statements_that_execute_others_are_refused(
    tmp_path: Path, statement: str, word: str, is_before: bool
) -> None:
    """What they do to rows cannot be seen, wherever they stand. No dump has any."""
    auth = original.written(ROWS)["auth"]
    before = auth.index("INSERT") if is_before else len(auth)
    text = f"{auth[:before]}{statement}\n{auth[before:]}"
    with pytest.raises(NotTheOriginal, match="executes statements that the file") as refused:
        staged(tmp_path, empty(auth=text))
    line = int(re.findall(r"line (\d+): ", str(refused.value))[0])

    assert f"{word} executes" in str(refused.value)
    assert text.splitlines()[line - 1] in statement.splitlines()


def test_the_line_is_the_one_that_begins_the_statement(tmp_path: Path) -> None:
    """Also where its table is named in a later one."""
    auth = original.written(ROWS)["auth"]
    number = auth.count("\n") + 3

    with pytest.raises(NotTheOriginal, match=rf"line {number}: the statement"):
        staged(tmp_path, empty(auth=auth + "\n-- then\nDELETE\n\nFROM `user`;\n"))


def test_rows_in_a_statement_that_has_not_ended_are_refused(tmp_path: Path) -> None:
    """They are a text or a trigger's, or an end is missing: none is missed without a word."""
    for begin in ("INSERT INTO `visits` VALUES (1)", "SELECT '", "SELECT 1 /* x"):
        with pytest.raises(NotTheOriginal, match="it is no row"):
            staged(
                tmp_path, empty(auth=original.written(ROWS)["auth"].replace("INS", begin + "\nINS"))
            )


def test_a_text_that_does_not_end_is_refused(tmp_path: Path) -> None:
    """What is in it would be passed over."""
    with pytest.raises(NotTheOriginal, match="ends before it is complete"):
        staged(tmp_path, empty(auth=original.written(ROWS)["auth"] + "SELECT 'a;\nDROP 1;\n"))


@pytest.mark.parametrize("change", ["DELETE FROM `user`;", "TRUNCATE TABLE `user`;"])
def test_a_table_may_be_emptied_before_its_rows(tmp_path: Path, change: str) -> None:
    """As phpMyAdmin and HeidiSQL write it on demand."""
    auth = original.written(ROWS)["auth"].replace("INSERT", f"{change}\nINSERT")
    others = "DROP TABLE IF EXISTS `user_copy`;\nUPDATE `visits` SET `n` = 0;\n"

    assert [row[0] for row in staged(tmp_path, empty(auth=auth + others))] == [10]


FORMS = [
    ("UPDATE", "", "SET `name` = 'x;' WHERE `id` IN (1, 2)"),
    ("UPDATE", "IGNORE", "SET `user` = 1"),
    ("DELETE", "FROM", "WHERE `user` = 'user'"),
    ("DELETE", "FROM", ""),
    ("TRUNCATE", "TABLE", ""),
    ("DROP", "TABLE", ""),
    ("DROP", "TABLE IF EXISTS", ""),
    ("RENAME", "TABLE", "TO `others`"),
    ("ALTER", "TABLE", "RENAME TO `others`"),
    ("ALTER", "TABLE", "DROP COLUMN `name`, ENABLE KEYS"),
]
BLANKS = st.lists(
    st.sampled_from([" ", "\n", "\t", "/* ; ' */", "/* a\n; */", "-- it's; `\n", "#;'\n"]),
    max_size=3,
).map("".join)
BEFORE = st.sampled_from(
    ["", "SET @a = 'x;'; ", "COMMIT;", "SELECT `;`, \";\", '\\\\';\n", "/*!50000 SET @b = 1 */; "]
)
NAMES = [
    ("bookstore_auth", "`user`", True),
    ("bookstore_auth", "user", True),
    ("blog", "`bookstore_auth`.`user`", True),
    ("blog", "bookstore_auth . user", True),
    ("bookstore_auth", "`visits`", False),
    ("bookstore_auth", "`blog`.`user`", False),
    ("bookstore_auth", "`user_2`", False),
    ("blog", "`user`", False),
]
"""The database of USE, a table, and whether it is the original's."""


@st.composite
def words(draw: Callable[[st.SearchStrategy[str]], str], text: str) -> str:
    """Keywords in any case, with anything between them that a server skips."""
    parts = re.split(r" (?=\w+)", text)
    return "".join(
        draw(BLANKS) + " " + draw(st.sampled_from([part, part.lower(), part.title()]))
        for part in parts
    )


@settings(deadline=None)
@given(st.data(), st.sampled_from(FORMS), st.sampled_from(NAMES), BEFORE)
def test_any_form_of_a_change_is_found(
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    form: tuple[str, str, str],
    name: tuple[str, str, bool],
    before: str,
) -> None:
    """Where it is about the original's table, and only there."""
    verb, more, rest = form
    database, table, is_ours = name
    keywords = data.draw(words(f"{verb} {more}".strip()))
    blank = data.draw(BLANKS)
    change = f"USE `{database}`;\n{before}{keywords} {blank} {table} {blank}{rest}{blank};\n"
    texts = empty(auth=original.written(ROWS)["auth"] + change)
    folder = tmp_path_factory.mktemp("dumps")
    if is_ours:
        with pytest.raises(NotTheOriginal, match="the statement changes the rows of auth"):
            staged(folder, texts)
    else:
        assert [row[0] for row in staged(folder, texts)] == [10]


def test_a_database_that_two_statements_of_a_line_choose_is_the_last(tmp_path: Path) -> None:
    """Also for the table itself, whose rows are those of the other database."""
    auth = original.written(ROWS)["auth"]
    old = auth[auth.index("CREATE TABLE") :].replace("Ana", "Eva").replace("(10,", "(11,")
    for use in ("USE blog; USE bookstore_old;", "SET @a=1; USE bookstore_old;"):
        text = f"{auth}{use}\n{old}"

        assert [row[:2] for row in staged(tmp_path, empty(auth=text))] == [(10, "Ana")]
