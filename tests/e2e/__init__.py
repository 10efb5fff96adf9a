"""The shop on a real cluster: HTTP through its ingress, kubectl and kn for operating."""
