"""Fixtures of the notifications tests; those of the integration tests lie beside them."""

import os

os.environ["AMTSBUS_OFFICES"] = "pets"  # read when the service is declared

pytest_plugins = ["amtsbus.testing.fixtures"]
