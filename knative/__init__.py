"""The shop in a cluster: manifests here, and in `ops/` the commands that bring them there."""
