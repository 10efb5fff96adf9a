"""Print the images of a record by `nox -s build -- --push` as a matrix of a workflow."""

import json
import sys
from pathlib import Path

record = json.loads(Path(sys.argv[1]).read_text("utf-8"))
without = [service for service, image in record.items() if not image["digest"]]
if without:
    sys.exit(f"Without a digest: {', '.join(without)}")
print(
    json.dumps(
        [
            {"service": service, "name": image["name"], "digest": image["digest"]}
            for service, image in record.items()
        ]
    )
)
