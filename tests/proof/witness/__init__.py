"""The witness: a service of the campaign's own that reads every topic, and whose handler is not idempotent at all.

The departments' use cases would mostly survive a second copy of an event by themselves. The witness writes one more row each
time that it is called, so its table shows what the chassis alone has promised: one effect for each event, in order.

    python -m tests.proof.witness -- worker witness

is `amtsbus worker witness` with the witness among the installed services.
"""
