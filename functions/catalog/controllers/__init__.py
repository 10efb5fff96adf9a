"""The HTTP handlers: parse → command or query → schema. They contain no SQL and no rule.

`reading.py` is public; `writing.py` and `importing.py` are for staff.
"""

from functions.catalog.controllers.importing import HANDLERS as IMPORTING
from functions.catalog.controllers.reading import HANDLERS as READING
from functions.catalog.controllers.writing import HANDLERS as WRITING

HANDLERS = (*READING, *WRITING, *IMPORTING)
