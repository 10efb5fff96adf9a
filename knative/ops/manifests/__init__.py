"""The shop as Kubernetes objects: rendered, changed as the options say, named; and its images."""
