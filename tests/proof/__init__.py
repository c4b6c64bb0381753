"""The campaign: a city under load in which everything breaks, and a ledger that is compared at the end (`make proof`)."""
