"""Print the revision that serves each Knative Service, from `kubectl get ksvc -o json`.

One line a service, `SERVICE REVISION`: that with the most of the traffic. `deploy.yml` notes them
before it changes anything, and goes back to them. A service that has never served is left out.
"""

import json
import sys

for service in json.load(sys.stdin)["items"]:
    traffic = service.get("status", {}).get("traffic", [])
    serving = [each for each in traffic if each.get("percent") and each.get("revisionName")]
    if serving:
        most = max(serving, key=lambda each: each["percent"])
        print(service["metadata"]["name"], most["revisionName"])
