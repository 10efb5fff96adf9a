"""Parses INSERT: VALUES, ON CONFLICT, RETURNING.

`insert_plans.py` runs the resulting plan. ON CONFLICT becomes ON DUPLICATE KEY UPDATE, which
applies to every unique key of the table, not only to the named one. MySQL has no way to restrict
it; it is a known limit in the README.
"""

from collections.abc import Sequence

from functions.kit.mysql.errors import Unsupported
from functions.kit.mysql.expressions import translate_expression
from functions.kit.mysql.insert_plans import (
    DoNothing,
    DoUpdate,
    InsertPlan,
    ReturnedColumn,
    Returning,
    Value,
    ValuesRow,
)
from functions.kit.mysql.plans import Plan, TextPlan
from functions.kit.mysql.statements import (
    Assignment,
    TableName,
    parse_assignments,
    parse_table,
    returning_clause,
)
from functions.kit.mysql.tokens import (
    Token,
    closing,
    count_params,
    find_word,
    quote,
    split_commas,
    template,
    write,
)


def plan_insert(tokens: Sequence[Token], repeat: int = 1) -> Plan:
    """The plan of an INSERT. `repeat` is the number of rows that its one row stands for."""
    if len(tokens) > 1 and tokens[1].is_word("OR"):
        raise Unsupported("INSERT OR ... (write ON CONFLICT)")
    if len(tokens) < 2 or not tokens[1].is_word("INTO"):
        raise Unsupported("INSERT without INTO")
    table = parse_table(tokens, 2)
    columns, place = _columns(tokens, table.end)
    head = f"INSERT INTO {table.text}" + (f" ({', '.join(map(quote, columns))})" if columns else "")

    conflict_at = _find_conflict(tokens, place)
    returning_at = find_word(tokens, "RETURNING", start=place)
    source = tokens[place : _first(conflict_at, returning_at, len(tokens))]
    if not source:
        raise Unsupported("INSERT without VALUES")
    if source[0].is_word("SELECT", "WITH"):
        return _insert_select(head, tokens, source)
    if source[0].is_word("DEFAULT"):
        head = f"INSERT INTO {table.text} ()"
    rows = _source_rows(source, len(columns), first=count_params(tokens[:place]))

    width = rows[-1].end - rows[0].first
    if repeat > 1:
        (row,) = rows
        rows = row.repeated(repeat)
    elif conflict_at is None and returning_at is None:
        values = ", ".join(row.template for row in rows)
        text = f"{template(head)} VALUES {values}"
        return TextPlan(text, count_params(tokens), inserts_row=len(rows) == 1)

    returning = None
    if returning_at is not None:
        returning = _returning(tokens[returning_at + 1 :])
    conflict: DoNothing | DoUpdate | None = None
    if conflict_at is not None:
        conflict = _conflict(tokens[conflict_at + 2 : returning_at], table, columns)
    return InsertPlan(
        table=table.text,
        table_name=table.name,
        columns=tuple(column.lower() for column in columns),
        head=head,
        rows=rows,
        placeholders=count_params(tokens) + width * (repeat - 1),
        conflict=conflict,
        returning=returning,
    )


def _source_rows(source: Sequence[Token], width: int, *, first: int) -> tuple[ValuesRow, ...]:
    if source[0].is_word("DEFAULT"):
        return (ValuesRow((), 0, 0),)
    if source[0].is_word("VALUES"):
        return _rows(source[1:], width, first=first)
    raise Unsupported(f"INSERT with {source[0].text!r} after the table")


def _first(*places: int | None) -> int:
    return min(place for place in places if place is not None)


def _columns(tokens: Sequence[Token], start: int) -> tuple[list[str], int]:
    if start >= len(tokens) or not tokens[start].is_op("("):
        if start < len(tokens) and tokens[start].is_word("AS"):
            raise Unsupported("INSERT with an alias")
        return [], start
    end = closing(tokens, start)
    columns = []
    for part in split_commas(tokens[start + 1 : end]):
        if len(part) != 1 or not part[0].is_identifier:
            raise Unsupported("INSERT with something else than names in its list of columns")
        columns.append(part[0].text)
    return columns, end + 1


def _find_conflict(tokens: Sequence[Token], start: int) -> int | None:
    place = find_word(tokens, "ON", start=start)
    while place is not None:
        if place + 1 < len(tokens) and tokens[place + 1].is_word("CONFLICT"):
            return place
        place = find_word(tokens, "ON", start=place + 1)
    return None


def _insert_select(head: str, tokens: Sequence[Token], source: Sequence[Token]) -> Plan:
    """INSERT ... SELECT, sent unchanged.

    ON CONFLICT and RETURNING are refused: it is not known which rows were inserted.
    """
    if len(source) > 0 and source[-1] is not tokens[-1]:
        raise Unsupported("ON CONFLICT or RETURNING after INSERT ... SELECT")
    text = f"{template(head)} {write(translate_expression(source))}"
    return TextPlan(text, count_params(tokens))


def _rows(tokens: Sequence[Token], width: int, *, first: int) -> tuple[ValuesRow, ...]:
    rows = []
    param = first
    for part in split_commas(tokens):
        if not part or not part[0].is_op("(") or closing(part, 0) != len(part) - 1:
            raise Unsupported("VALUES with something else than rows")
        values = []
        start = param
        for tokens_of_value in split_commas(part[1:-1]):
            value = _value(tokens_of_value, param - start)
            values.append(value)
            param += value.placeholders
        if width and len(values) != width:
            raise Unsupported("VALUES with another number of values than columns")
        rows.append(ValuesRow(tuple(values), start, param))
    return tuple(rows)


def _value(tokens: Sequence[Token], param: int) -> Value:
    if not tokens:
        raise Unsupported("VALUES with nothing between two commas")
    if len(tokens) == 1 and tokens[0].kind == "param":
        return Value("%s", 1, param=param)
    if len(tokens) == 1 and tokens[0].is_word("NULL"):
        return Value("NULL", 0, null=True)
    return Value(write(translate_expression(tokens)), count_params(tokens))


def _returning(tokens: Sequence[Token]) -> Returning:
    clause = returning_clause(tokens)
    columns = []
    for part in split_commas(tokens):
        name = part[0].text if part and part[0].is_identifier else None
        if len(part) == 1 and name is not None:
            columns.append(ReturnedColumn(name.lower(), name))
        elif len(part) == 3 and name is not None and part[1].is_word("AS"):
            columns.append(ReturnedColumn(name.lower(), part[2].text))
        else:
            return Returning(clause.template, clause.placeholders, ())
    return Returning(clause.template, clause.placeholders, tuple(columns))


def _conflict(
    tokens: Sequence[Token], table: TableName, columns: Sequence[str]
) -> DoNothing | DoUpdate:
    target: list[str] = []
    place = 0
    if tokens and tokens[0].is_op("("):
        target, place = _columns(tokens, 0)
    elif tokens and tokens[0].is_word("ON"):
        raise Unsupported("ON CONFLICT ON CONSTRAINT (name the columns)")
    if find_word(tokens, "WHERE", start=place) is not None:
        raise Unsupported("ON CONFLICT ... WHERE")
    if find_word(tokens, "CONFLICT", start=place) is not None:
        raise Unsupported("a second ON CONFLICT")
    action = [token.text.upper() for token in tokens[place : place + 3]]
    if action == ["DO", "NOTHING"]:
        named = target or columns
        if not named:
            raise Unsupported("ON CONFLICT DO NOTHING without a column (name one)")
        return DoNothing(quote(named[0]))
    if action != ["DO", "UPDATE", "SET"]:
        raise Unsupported("ON CONFLICT with something else than DO NOTHING or DO UPDATE SET")
    return _do_update(tokens[place + 3 :], table, target)


def _do_update(tokens: Sequence[Token], table: TableName, target: Sequence[str]) -> DoUpdate:
    assignments = parse_assignments(tokens)

    def written(*, alias: bool) -> str:
        return ", ".join(
            f"{template(quote(assignment.column))} = "
            + write(_with_row(assignment.value, table, alias=alias))
            for assignment in assignments
        )

    return DoUpdate(
        alias=_alias(table),
        target=tuple(column.lower() for column in target),
        changed=frozenset(
            assignment.column.lower()
            for assignment in assignments
            if not _keeps(assignment, target)
        ),
        with_alias=written(alias=True),
        with_values=written(alias=False),
        placeholders=count_params(tokens),
    )


def _keeps(assignment: Assignment, target: Sequence[str]) -> bool:
    """Whether it leaves the only column of the target unchanged, so that the row is found by it."""
    column = assignment.column.lower()
    written = "".join(token.text for token in assignment.value).lower()
    return [column] == [each.lower() for each in target] and written == f"excluded.{column}"


def _alias(table: TableName) -> str:
    """A name for the row to be inserted, which must differ from the table's."""
    return "new" if table.name.lower() != "new" else "new_row"


def _with_row(value: Sequence[Token], table: TableName, *, alias: bool) -> list[Token]:
    """Translate `excluded.x`, and qualify the table's own columns."""
    out: list[Token] = []
    translated = translate_expression(value)
    index = 0
    while index < len(translated):
        token = translated[index]
        dotted = index + 2 < len(translated) and translated[index + 1].is_op(".")
        if token.kind != "name":
            out.append(token)
            index += 1
        elif dotted:
            column = translated[index + 2]
            if token.text.lower() != "excluded":
                out.extend(translated[index : index + 3])
            elif alias:
                out.append(Token("name", _alias(table), token.spaced))
                out.extend(translated[index + 1 : index + 3])
            else:
                out.append(Token("word", "VALUES", token.spaced))
                out.append(Token("op", "(", spaced=False))
                out.append(column._replace(spaced=False))
                out.append(Token("op", ")", spaced=False))
            index += 3
        else:
            out.append(Token("name", table.name, token.spaced))
            out.append(Token("op", ".", spaced=False))
            out.append(token._replace(spaced=False))
            index += 1
    return out
