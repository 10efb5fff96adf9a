"""One cluster: what is in it, whether it is ready, why it is not, and how to reach it."""
