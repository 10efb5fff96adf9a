"""Three small services that start fast, for tests of the runner.

The runner starts them with `--package tests.local.stub_shop`.
"""
