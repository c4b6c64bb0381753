"""Contracts: what a service publishes, written down in files that anybody can read without our code.

Everything here is generated from the code (`amtsbus contracts generate`) and verified against it (`amtsbus contracts
check`). A contract belongs to its publisher, a model to its reader; this package compares the two, so that a department
learns before its deployment which subscriber a changed event would break.
"""
