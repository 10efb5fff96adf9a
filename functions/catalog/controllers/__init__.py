"""The HTTP door: parse → command or query → schema. No SQL, no rule.

`reading.py` is for anyone, `writing.py` and `importing.py` for staff.
"""

from functions.catalog.controllers.importing import HANDLERS as IMPORTING
from functions.catalog.controllers.reading import HANDLERS as READING
from functions.catalog.controllers.writing import HANDLERS as WRITING

HANDLERS = (*READING, *WRITING, *IMPORTING)
