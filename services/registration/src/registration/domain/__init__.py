"""The rules of registration, pure: the standard library and the case kernel only."""
