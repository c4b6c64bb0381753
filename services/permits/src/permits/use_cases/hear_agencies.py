"""Agencies whose field the project touches are asked for their opinion."""

from dataclasses import dataclass

from amtsbus.postgres import Tx

from permits import store
from permits.domain.application import BuildingApplication
from permits.domain.codes import Agency
from permits.domain.law import Term
from permits.domain.target import Target
from permits.reporting import told


@dataclass(frozen=True)
class HearAgencies:
    target: Target
    agencies: frozenset[Agency]


async def hear_agencies(command: HearAgencies, tx: Tx) -> BuildingApplication:
    """Ask them in parallel, each with its own period (§ 71 (3) BauO NRW)."""
    application = await store.get_as_seen(tx, command.target)
    period = await store.legal_term(tx, Term.HEARING, tx.clock.today())
    events = application.hear(command.agencies, period, command.target.actor, tx.clock.now())
    await store.save(tx, application)
    await tx.append(application.application_id, *told(application, events, tx.clock.now()))
    return application
