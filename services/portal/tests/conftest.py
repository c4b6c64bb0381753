pytest_plugins = ["amtsbus.testing.fixtures"]
