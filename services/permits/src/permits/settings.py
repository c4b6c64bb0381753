"""The settings of permits: those of every service and none of its own.

What a legislator may change (periods, fees) has a date and a legal basis, so it lies in the tables `legal_terms` and
`fee_tariffs` instead of the environment.
"""

from amtsbus.settings import Settings

__all__ = ["Settings"]
