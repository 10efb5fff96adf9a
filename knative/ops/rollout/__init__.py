"""The rollout of objects to a cluster: checks before it, its phases, and checks after it."""
