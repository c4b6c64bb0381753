"""The language in which every department tells which services it offers; all of it together is the city's catalogue."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from amtsbus.events import Published

_PROCEDURE = "01957c0e-6b00-5000-8000-0000000000d4"


def topic_of(name: str) -> str:
    """Where the department `name` tells what it offers; only the newest event of a procedure stays there."""
    return f"{name}.procedure.events"


class Catalogue:
    """The events in which `name` (an instance of the package `kind`, if it is one) tells which services it offers."""

    def __init__(self, name: str, *, kind: str = "") -> None:
        topic, told = topic_of(name), kind or name
        example = "taxes" if kind else name

        class Ours(BaseModel):
            office: str = Field(description="The key of the office", examples=[example])

        class ProcedurePublishedV1(Ours, Published, type=f"{told}.procedure-published.v1", topic=topic):
            """The office offers a service, or offers it in a new version. Only the newest version stays on the topic."""

            procedure_id: UUID = Field(description="The procedure, in all its versions", examples=[_PROCEDURE])
            key: str = Field(description="Its key, which is unique in the city", examples=["dog-registration"])
            version: int = Field(description="Counts its versions from 1", examples=[3])
            declaration: dict[str, Any] = Field(
                description="The procedure file",
                examples=[{"key": "dog-registration", "name": {"de": "Hund anmelden"}}],
            )
            office_declaration: dict[str, Any] = Field(
                description="The office's own file: its name, address and hours",
                examples=[{"key": example, "name": {"de": "Steuern und Abgaben"}}],
            )
            published_at: datetime = Field(description="When (UTC)", examples=["2026-11-24T08:00:00Z"])

        class ProcedureWithdrawnV1(Ours, Published, type=f"{told}.procedure-withdrawn.v1", topic=topic):
            """The office does not offer this service any more. Cases that are open go on to their end."""

            procedure_id: UUID = Field(description="The procedure", examples=[_PROCEDURE])
            key: str = Field(description="Its key", examples=["dog-registration"])
            withdrawn_at: datetime = Field(description="When (UTC)", examples=["2026-11-24T08:00:00Z"])

        self.topic = topic
        self.procedure_published = ProcedurePublishedV1
        self.procedure_withdrawn = ProcedureWithdrawnV1
        self.events: tuple[type[Published], ...] = (ProcedurePublishedV1, ProcedureWithdrawnV1)
