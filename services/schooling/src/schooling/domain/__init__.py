"""The rules of primary school enrolment: the standard library and the pure part of the casework kernel only."""
