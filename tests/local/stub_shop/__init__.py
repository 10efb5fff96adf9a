"""Three services small enough to start at once, for tests of the runner that runs them.

The runner starts them by `--package tests.local.stub_shop`.
"""
