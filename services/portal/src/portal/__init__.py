"""The Kommunalportal: citizens find a service, apply for it, and see where it stands."""
