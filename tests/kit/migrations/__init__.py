"""The sample service's schema."""
