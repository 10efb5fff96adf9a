"""The HTTP handlers: parse → command or query → schema. They contain no SQL and no rule.

`reading.py` is public; `reviews.py` is for customers, and for everybody who reads; `managing.py`
and `moderation.py` are for staff, `writing.py` and `importing.py` for staff and sellers;
`selling.py` has the sellers themselves.
"""

from functions.catalog.controllers.importing import HANDLERS as IMPORTING
from functions.catalog.controllers.managing import HANDLERS as MANAGING
from functions.catalog.controllers.moderation import HANDLERS as MODERATION
from functions.catalog.controllers.reading import HANDLERS as READING
from functions.catalog.controllers.reviews import HANDLERS as REVIEWS
from functions.catalog.controllers.selling import HANDLERS as SELLING
from functions.catalog.controllers.writing import HANDLERS as WRITING

HANDLERS = (*READING, *MANAGING, *WRITING, *IMPORTING, *SELLING, *REVIEWS, *MODERATION)
