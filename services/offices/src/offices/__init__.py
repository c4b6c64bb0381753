"""An office without code of its own: what it does is said in its procedure files."""
