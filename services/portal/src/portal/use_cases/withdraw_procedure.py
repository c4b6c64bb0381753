"""An office does not offer a service any more."""

from dataclasses import dataclass
from datetime import datetime

from amtsbus.postgres import Tx

from portal.store import procedures


@dataclass(frozen=True, slots=True)
class WithdrawProcedure:
    office: str
    key: str
    withdrawn_at: datetime


async def withdraw_procedure(command: WithdrawProcedure, tx: Tx) -> None:
    """Take it out of the catalogue; applications go on to their end."""
    if await procedures.office_of(tx, command.key) == command.office:
        await procedures.withdraw(tx, command.key, command.withdrawn_at)
