"""Who calls: access tokens are verified by keys and revocations that this process can read."""
