"""Registration listens to no other department yet: births and deaths will come from the civil registry."""
