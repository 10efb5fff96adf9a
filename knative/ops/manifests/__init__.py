"""The shop's Kubernetes objects (rendered, changed by the options, named), and its images."""
