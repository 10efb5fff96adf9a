"""The catalogue's refusals, each with its code and the `error` text of the original.

DomainError
├── NotFound
│   └── BookNotFound
├── Gone
│   └── BookRetired
├── Conflict
│   └── IsbnTaken
└── InvalidInput
    ├── StockIsPurchases      stock is not changed here
    ├── ReadOnlyField         a computed member was changed
    ├── UnknownSort           an unknown order of a list
    └── MalformedCsv          a file that cannot be parsed further
"""

from functions.kit.base.errors import Conflict, Gone, InvalidInput, NotFound, Text


class BookNotFound(NotFound):
    code = "book-not-found"
    title = "There is no such book"
    error = Text("libro no encontrado", "book not found")


class BookRetired(Gone):
    code = "book-retired"
    title = "This book is not sold any more"
    error = Text("libro retirado", "book retired")


class IsbnTaken(Conflict):
    """Its extension `book_id` is the book that has the ISBN."""

    code = "isbn-taken"
    title = "Another book has this ISBN"
    error = Text("ISBN ya registrado", "ISBN already taken")


class StockIsPurchases(InvalidInput):
    code = "stock-not-here"
    title = "Stock is not changed in the catalogue"
    error = Text("el stock no se cambia aquí", "stock is not changed here")


class ReadOnlyField(InvalidInput):
    code = "read-only-field"
    title = "The body changes what cannot be changed by it"
    error = Text("campo de solo lectura", "read-only field")


class UnknownSort(InvalidInput):
    code = "unknown-sort"
    title = "Books are not sorted that way"
    error = Text("orden desconocido", "unknown sort")


class MalformedCsv(InvalidInput):
    """Its extension `imported` counts the rows that were written before the error."""

    code = "malformed-csv"
    title = "The file cannot be read as CSV"
    error = Text("archivo CSV inválido", "invalid CSV file")
