"""Fixtures of registration's tests."""

pytest_plugins = ["amtsbus.testing.fixtures"]
