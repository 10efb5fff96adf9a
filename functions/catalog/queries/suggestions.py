"""Titles and authors that complete what somebody types.

They come from the books that a search for the typed words would list first by popularity, by the
same indexes, so that a suggestion costs no more than a search.
"""

from collections.abc import Sequence

from piccolo.querystring import QueryString

from functions.catalog.domain.listing import Filters
from functions.catalog.queries.matching import FOR_SALE, Where, match_conditions, rarest_term
from functions.catalog.schemas import Suggestion
from functions.catalog.search.match_keys import name_key, written_names
from functions.catalog.search.terms import (
    QueryTerm,
    encode_word,
    is_truncated,
    query_terms,
    search_text,
)
from functions.kit.data.database import Database

SUGGESTIONS = 10
AUTHORS = 3
"""Authors among the suggestions at most, where there are titles enough."""


async def suggest(database: Database, query: str) -> list[Suggestion]:
    """Up to `SUGGESTIONS`, authors first; empty where the query has no word."""
    terms = query_terms(query)
    if not terms:
        return []
    where = Where(FOR_SALE, *match_conditions(Filters(query=query), terms))
    rarest = await rarest_term(database, where, terms)
    if not rarest.sample.is_page_near(SUGGESTIONS):
        where.add(rarest.condition)
    outcome = await database.execute(
        QueryString(
            f"SELECT b.id, b.title, b.author FROM books b WHERE {where.sql}"  # noqa: S608
            " ORDER BY b.external_ratings_count DESC, b.id DESC LIMIT {}",
            *where.values,
            SUGGESTIONS,
        )
    )
    authors: dict[str, Suggestion] = {}
    titles: dict[tuple[str, str], Suggestion] = {}
    for row in outcome.rows:
        title, author = row["title"], row["author"]
        titles.setdefault(
            (title, author), Suggestion(kind="book", text=title, author=author, book_id=row["id"])
        )
        for name in written_names(author):
            if _has_terms(name, terms):
                authors.setdefault(name_key(name), Suggestion(kind="author", text=name))
    kept = max(AUTHORS, SUGGESTIONS - len(titles))
    return [*[*authors.values()][:kept], *titles.values()][:SUGGESTIONS]


def _has_terms(name: str, terms: Sequence[QueryTerm]) -> bool:
    """Whether the words of a name alone match the terms."""
    text = search_text(name, "")

    def has_prefix(word: str) -> bool:
        return f" {encode_word(word)}" in text and (not is_truncated(word) or word in text)

    return all(term.matches(has_prefix) for term in terms)
