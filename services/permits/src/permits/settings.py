"""The settings of permits: those of every service with documents and none of its own.

What a legislator may change (periods, fees) has a date and a legal basis, so it lies in the tables `legal_terms` and
`fee_tariffs` instead of the environment.
"""

from amtsbus.documents import DocumentSettings


class Settings(DocumentSettings):
    """Settings of the building authority."""
