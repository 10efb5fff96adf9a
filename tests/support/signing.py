"""The secret that the services of a test share: it signs events, and opens feeds."""

from functions.kit.internal_secret import InternalSecret
from functions.kit.settings import Secret

SECRET = "a-secret-that-all-services-of-a-test-share"
SIGNER = InternalSecret(Secret(SECRET))
FEED = SIGNER.headers
"""What a service shows to read another one's feeds and snapshots."""
