"""What the shop promises, while everything around it fails; see README.md."""
