"""A page of the form comes in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from amtsbus.errors import NotFoundError
from amtsbus.postgres import Tx
from amtsbus.procedures.answers import Problem
from amtsbus.procedures.declaration import GroupField, Page

from portal.domain.draft import Draft
from portal.domain.journey import Journey
from portal.domain.owner import Owner
from portal.domain.sent import sent_answers
from portal.domain.upload import KeptFile
from portal.store import drafts, files, procedures


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody does on a page beside filling it in: one more item of a group or one less, or a file less."""

    kind: Literal["add", "remove", "drop"]
    field: str
    item: str = ""
    """The number of the item, or the hash of the file."""


@dataclass(frozen=True, slots=True)
class SavePage:
    owner: Owner
    draft_id: UUID
    page: str
    inputs: Sequence[tuple[str, str]]
    shown: frozenset[str]
    """The fields that the page has shown (`sent.told`)."""
    new_files: Sequence[tuple[str, KeptFile]] = ()
    """What was uploaded with it, each with the name of its input."""
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class SavedPage:
    """The draft as it is now, and the page as it was sent."""

    draft: Draft
    journey: Journey
    page: Page
    sent: Mapping[str, Any]
    problems: Sequence[Problem] = field(default_factory=tuple)

    @property
    def is_done(self) -> bool:
        """Whether nothing is missing or wrong on the page."""
        return self.page.key in self.draft.done


async def save_page(command: SavePage, tx: Tx) -> SavedPage:
    """Keep what is right of it.

    Raises:
        NotFoundError: there is no such draft of this owner, or it does not ask this page.
    """
    draft = await drafts.get(tx, command.draft_id, command.owner, to_change=True)
    declared = (await procedures.get(tx, draft.procedure, draft.version)).declared
    journey = draft.journey(declared, tx.clock.today())
    page = page_of(journey, command.page)
    inputs = list(command.inputs)
    for name, file in command.new_files:
        await files.add(tx, draft.draft_id, file)
        draft.files.append(file)
        inputs.append((name, file.sha256))
    if command.change and command.change.kind == "drop":
        inputs = await _dropped(draft, inputs, command.change, tx)
    sent = sent_answers(page.fields, inputs, draft.files_of([one.key for one in page.fields]))
    if command.change and command.change.kind in ("add", "remove"):
        sent = _with_other_items(page, sent, command.change)
    draft.take_over(command.owner, tx.clock.now())
    problems = draft.answer(page, sent, command.shown, journey)
    await drafts.save(tx, draft)
    return SavedPage(draft, draft.journey(declared, tx.clock.today()), page, sent, problems)


def page_of(journey: Journey, key: str) -> Page:
    """The page `key`, where it is asked.

    Raises:
        NotFoundError: it is not.
    """
    step = journey.step(key)
    if step is None or not isinstance(step.asks, Page):
        raise NotFoundError("There is no such page of the form.")
    return step.asks


async def _dropped(draft: Draft, inputs: list[tuple[str, str]], change: Change, tx: Tx) -> list[tuple[str, str]]:
    """Take a file out; it stays in the draft where another item of the same field refers to it."""
    kept = [one for one in inputs if one != (change.field, change.item)]
    slot = change.field.partition(".")[0]
    referring = [name for name, value in kept if value == change.item and name.partition(".")[0] == slot]
    if not referring and any(file.slot == slot and file.sha256 == change.item for file in draft.files):
        await files.drop(tx, draft.draft_id, slot, change.item)
        draft.files = [file for file in draft.files if (file.slot, file.sha256) != (slot, change.item)]
    return kept


def _with_other_items(page: Page, sent: dict[str, Any], change: Change) -> dict[str, Any]:
    group = next((one for one in page.fields if one.key == change.field and isinstance(one, GroupField)), None)
    if not isinstance(group, GroupField):
        return sent
    items = list(sent[group.key])
    if change.kind == "add" and len(items) < group.most:
        items.append({})
    elif change.kind == "remove" and change.item.isdecimal() and int(change.item) < len(items):
        del items[int(change.item)]
    return sent | {group.key: items}
