"""Somebody without JavaScript who fills in any form page by page, by what its procedure declares; for many at once."""

import asyncio
import itertools
import random
import re
import time
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import httpx
from amtsbus.procedures import sampling
from amtsbus.procedures.declaration import (
    AddressField,
    ChoiceField,
    DateField,
    DeclarationField,
    FormField,
    GroupField,
    MoneyField,
    NumberField,
    ProcedureFile,
    UploadField,
    YesNoField,
)
from amtsbus.testing.browsing import File, Page, PageForm, Value
from town.browser import TownBrowser

from tests.browser.town import RunningTown

TIMES_SHOWN = 8
"""How often a page may come back because an answer raises another question."""
WAIT_SECONDS = 120
_ADDRESSES = (f"127.0.{number // 250 + 1}.{number % 250 + 1}" for number in itertools.count())
"""Each browser comes from a machine of its own: how often somebody may log in is counted by address."""
REFERENCE = re.compile(r"angenommen\. Aktenzeichen: (\S+-20\d\d-\d{6})")
"""As the timeline tells it; answers may hold references of other cases."""


def inputs(field: FormField, name: str, answer: Any) -> Iterator[tuple[str, Value]]:
    """What somebody enters to give this answer, by the names of the inputs."""
    match field:
        case AddressField():
            yield from ((f"{name}.{part}", value) for part, value in answer.items())
        case GroupField():
            for number, item in enumerate(answer):
                for part in field.fields:
                    if part.key in item:
                        yield from inputs(part, f"{name}.{number}.{part.key}", item[part.key])
        case UploadField():
            yield name, pdf(f"{field.key}.pdf")
        case DateField():
            yield name, f"{date.fromisoformat(answer):%d.%m.%Y}"
        case MoneyField():
            yield name, f"{answer // 100},{answer % 100:02d}"
        case NumberField():
            yield name, f"{answer:.{field.decimals}f}".replace(".", ",")
        case YesNoField():
            yield name, "yes" if answer else "no"
        case DeclarationField():
            yield name, True
        case ChoiceField():
            yield name, answer
        case _:
            yield name, str(answer)


def pdf(name: str) -> File:
    """A file that is plainly none of anybody's."""
    number = random.randrange(10**9)
    content = f"%PDF-1.7\n% Demo {number}\n1 0 obj <</Demo true>> endobj\ntrailer <<>>\n%%EOF\n".encode()
    return File(name, content, "application/pdf")


class CityBrowser(TownBrowser):
    """A browser on the portal or on an office's desk in a running town; for its arguments see `TownBrowser`."""

    def __init__(self, town: RunningTown, person: str | None = None, *, office: str | None = None) -> None:
        super().__init__(town.addresses, person, office=office, address=next(_ADDRESSES))
        self.town = town

    # In the portal

    async def apply(self, declared: ProcedureFile, *, seed: int, times: int = 1) -> str:
        """Apply for something from its first page to the last.

        Args:
            seed: of the invented answers.
            times: how often the button to hand it in is pressed, at once.

        Returns:
            The application's id.

        Raises:
            AssertionError: a page does not take what the procedure allows; says which, and what it says is wrong.
        """
        sample = sampling.one(declared, seed, today=self.town.clock.today())
        await self.open(f"/apply/{declared.key}")
        page = await self.submit(button="Antrag beginnen")
        while (step := self._step(page, declared)) is not None:
            page = await self._fill_in(page, step, declared, sample)
        form = next((one for one in page.forms if one.button("Antrag abgeben")), None)
        assert form is not None, f"{declared.key} cannot be handed in: {page}"
        if times > 1:
            await asyncio.gather(*(self.send(form, form.button("Antrag abgeben")) for _ in range(times)))
        page = await self.send(form, form.button("Antrag abgeben"))
        assert page.status == httpx.codes.OK, page
        assert page.path.startswith("/mine/"), page
        return page.path.split("/")[2]

    def _step(self, page: Page, declared: ProcedureFile) -> str | None:
        """The page of the form that is shown, by its path; None at the end."""
        found = re.fullmatch(rf"/apply/{declared.key}/[0-9a-f-]+(?:/(.+?))?(?:\?.*)?", page.path)
        assert found is not None, page
        return found[1]

    async def _fill_in(self, page: Page, step: str, declared: ProcedureFile, sample: Mapping[str, Any]) -> Page:
        """One page, until it leads to another one."""
        entered = self._entered(step, declared, sample)
        for _ in range(TIMES_SHOWN):
            page = await self._add_items(page, step, declared, sample)
            form = next(one for one in page.forms if one.button("Weiter"))
            names = {field.name for field in form.fields}
            form.fill({name: value for name, value in entered.items() if name in names})
            page = await self.send(form, form.button("Weiter"))
            if self._step(page, declared) != step:
                return page
        raise AssertionError(f"{declared.key}, page {step}, does not take {entered}: {page.errors or page}")

    def _entered(self, step: str, declared: ProcedureFile, sample: Mapping[str, Any]) -> dict[str, Value]:
        if step.startswith("documents/"):
            key = step.removeprefix("documents/")
            return {key: pdf(f"{key}.pdf")}
        fields = next(one.fields for one in declared.form.pages if one.key == step)
        return dict(
            pair for field in fields if field.key in sample for pair in inputs(field, field.key, sample[field.key])
        )

    async def _add_items(self, page: Page, step: str, declared: ProcedureFile, sample: Mapping[str, Any]) -> Page:
        """Ask for as many items of each group as will be filled in."""
        fields = next((one.fields for one in declared.form.pages if one.key == step), ())
        for group in fields:
            for number, _ in enumerate(sample.get(group.key, []) if isinstance(group, GroupField) else []):
                form = next(one for one in page.forms if one.button("Weiter"))
                if not form.has(f"{group.key}.{number}"):
                    add = [one for one in form.buttons if one.get("value") == f"add {group.key}"]
                    if add:  # otherwise the group is asked for only after another answer of this page
                        page = await self.send(form, add[0])
        return page

    async def reference(self, application_id: str) -> str:
        """The reference that the office has given it."""
        page = await self.until(f"/mine/{application_id}", REFERENCE.pattern)
        found = REFERENCE.search(page.text)
        assert found is not None
        return found[1]

    async def until(self, path: str, pattern: str, *, seconds: float = WAIT_SECONDS) -> Page:
        """Look at a page again until it shows what fits `pattern`.

        Raises:
            AssertionError: it does not within `seconds`.
        """
        deadline = time.monotonic() + seconds
        while True:
            page = await self.open(path)
            if re.search(pattern, page.text):
                return page
            assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {pattern} in {page}"
            await asyncio.sleep(0.5)

    # At a desk

    async def act(self, case_id: str, action: str, **entered: Value) -> Page:
        """Do something with a case.

        Raises:
            AssertionError: that is not offered, or refused.
        """
        page = await self.open(f"/cases/{case_id}")
        form = self.form_of(page, action)
        assert form is not None, f"{action} is not offered: {page}"
        form.fill(entered)
        page = await self.send(form, form.buttons[-1])
        assert page.status == httpx.codes.OK, page
        return page

    def form_of(self, page: Page, action: str) -> PageForm | None:
        """The form of what can be done with a case; None where it is not offered."""
        return next((one for one in page.forms if urlsplit(one.action).path.endswith(f"/actions/{action}")), None)
