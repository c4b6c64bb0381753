"""Meldewesen: who lives where in this city."""
