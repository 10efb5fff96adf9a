"""Commands that build, deploy and operate the shop on Knative; `nox -l` lists them.

They run `kubectl`, `kn` and an image builder, and print the commands that change something, so that
each step can also be done by hand. They import nothing from `functions/`.

Packages, each importing only those to its right: `commands` > `rollout` > `manifests`, `cluster` >
`cli`. Read `commands/deploy.py` first, then `rollout/rollout.py` for the order of a deploy.
"""
