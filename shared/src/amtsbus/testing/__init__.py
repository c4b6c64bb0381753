"""Real servers and fixtures for tests and for the town; needs the extra `amtsbus[testing]`."""
