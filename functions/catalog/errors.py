"""The catalogue's refusals, each with its code and the `error` text of the original.

DomainError
├── NotFound
│   ├── BookNotFound
│   ├── ReviewNotFound
│   └── SellerNotFound
├── Gone
│   └── BookRetired
├── Forbidden
│   ├── NotBought             only buyers of a book review it
│   ├── NotYourBook           a book of another seller, or of the shop
│   └── RetiredByStaff        a seller cannot undo it
├── Conflict
│   ├── IsbnTaken
│   ├── AlreadyReviewed       one review per person and book
│   ├── AlreadyReported       one report per person and review
│   ├── OwnReview             nobody reports their own review
│   ├── ReviewHidden          its author cannot delete it
│   ├── SellerNameNeeded      a seller without a name that the shop can show
│   └── SellerNameTaken
├── TooManyRequests
│   └── TooManyReviews        so many writes of reviews in an hour
└── InvalidInput
    ├── StockIsPurchases      stock is not changed here
    ├── ReadOnlyField         a computed member was changed
    ├── UnknownSort           an unknown order of a list
    └── MalformedCsv          a file that cannot be parsed further
"""

from typing import Self

from functions.kit.base.errors import (
    Conflict,
    Forbidden,
    Gone,
    InvalidInput,
    NotFound,
    Text,
    TooManyRequests,
)


class BookNotFound(NotFound):
    code = "book-not-found"
    title = "There is no such book"
    error = Text("libro no encontrado", "book not found")

    @classmethod
    def of(cls, book_id: int) -> Self:
        return cls(Text(f"No hay ningún libro {book_id}.", f"There is no book {book_id}."))


class SellerNotFound(NotFound):
    code = "seller-not-found"
    title = "There is no such seller"
    error = Text("vendedor no encontrado", "seller not found")


class BookRetired(Gone):
    code = "book-retired"
    title = "This book is not sold any more"
    error = Text("libro retirado", "book retired")

    @classmethod
    def of(cls, book_id: int) -> Self:
        return cls(
            Text(f"El libro {book_id} ya no se vende.", f"Book {book_id} is not sold any more.")
        )


class IsbnTaken(Conflict):
    """Its extension `book_id` is the book that has the ISBN."""

    code = "isbn-taken"
    title = "Another book has this ISBN"
    error = Text("ISBN ya registrado", "ISBN already taken")


class ReviewNotFound(NotFound):
    code = "review-not-found"
    title = "There is no such review"
    error = Text("reseña no encontrada", "review not found")


class NotBought(Forbidden):
    code = "not-bought"
    title = "Only people who bought a book review it"
    error = Text("libro no comprado", "book not bought")


class AlreadyReviewed(Conflict):
    """Its extension `review_id` is the review that the caller has written."""

    code = "already-reviewed"
    title = "This account has reviewed the book"
    error = Text("reseña ya escrita", "already reviewed")


class AlreadyReported(Conflict):
    code = "already-reported"
    title = "This account has reported the review"
    error = Text("reseña ya denunciada", "already reported")


class OwnReview(Conflict):
    code = "own-review"
    title = "Nobody reports a review of their own"
    error = Text("la reseña es suya", "the review is your own")


class ReviewHidden(Conflict):
    code = "review-hidden"
    title = "The shop has hidden this review"
    error = Text("reseña oculta", "review hidden")


class TooManyReviews(TooManyRequests):
    code = "too-many-reviews"
    title = "One account writes only so many reviews and reports in an hour"
    error = Text("Demasiadas reseñas", "Too many reviews")


class NotYourBook(Forbidden):
    code = "not-your-book"
    title = "This book is sold by somebody else"
    error = Text("el libro es de otro vendedor", "the book is another seller's")


class RetiredByStaff(Forbidden):
    code = "retired-by-staff"
    title = "Staff retired this book"
    error = Text("el personal retiró el libro", "staff retired the book")


class SellerNameNeeded(Conflict):
    code = "seller-name-needed"
    title = "A seller needs a name that the shop shows"
    error = Text("falta el nombre de vendedor", "seller name needed")


class SellerNameTaken(Conflict):
    code = "seller-name-taken"
    title = "Another seller has this name"
    error = Text("nombre de vendedor ya usado", "seller name already taken")


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
