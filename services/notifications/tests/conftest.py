"""Fixtures of the notifications tests; those of the integration tests lie beside them."""

pytest_plugins = ["amtsbus.testing.fixtures"]
