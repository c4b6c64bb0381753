"""Procedures as files: what an office asks, decides and writes, declared and not programmed."""
