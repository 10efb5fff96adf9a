"""What books are found, matched and sorted by: the computed columns of a book, and queries in the
same form. No I/O.

`folding.py` removes what readers do not distinguish; `words.py` is the tokenizer; `terms.py`
encodes words for a full-text index; `match_keys.py` has authors, categories and equal titles;
`sort_keys.py` the order of titles and prices.
"""
