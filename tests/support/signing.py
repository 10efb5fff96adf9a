"""The secret that the services of a test share: it signs events, and opens feeds."""

from functions.kit.base.settings import Secret
from functions.kit.events.internal_secret import InternalSecret

SECRET = "a-secret-that-all-services-of-a-test-share"
SIGNER = InternalSecret(Secret(SECRET))
FEED = SIGNER.headers
"""What a service shows to read another one's feeds and snapshots."""
