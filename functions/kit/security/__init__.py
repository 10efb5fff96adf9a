"""Verification of access tokens, with the keys and revocations in the service's own database."""
