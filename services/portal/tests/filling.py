"""Filling in any procedure's form over HTTP, page by page, as somebody with given answers would."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from amtsbus.procedures.declaration import FormField, GroupField, ProcedureFile, UploadField
from amtsbus.testing.browsing import Browser, File, Page, PageForm
from portal.domain.sent import typed_answers

from .demo import PDF

MOST_PAGES = 200


@dataclass
class Applicant:
    """Somebody with answers. The files of a sample do not exist; real ones take their place, in `answers` as well."""

    procedure: ProcedureFile
    answers: dict[str, Any]
    pages: list[str] = field(default_factory=list)
    """The headings of the pages that were filled in."""
    _files: dict[str, File] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.answers = {
            one.key: self._with_files(one, self.answers[one.key])
            for page in self.procedure.form.pages
            for one in page.fields
            if one.key in self.answers
        }

    def _with_files(self, one: FormField, answer: Any) -> Any:
        if isinstance(one, UploadField):
            return [self._file(reference["name"]) for reference in answer]
        if isinstance(one, GroupField):
            parts = {part.key: part for part in one.fields}
            return [{key: self._with_files(parts[key], value) for key, value in item.items()} for item in answer]
        return answer

    def _file(self, name: str) -> dict[str, Any]:
        content = PDF + f"% Demo {len(self._files)}\n".encode()
        digest = sha256(content).hexdigest()
        self._files[digest] = File(name, content, "application/pdf")
        return {"name": name, "sha256": digest, "size_bytes": len(content), "media_type": "application/pdf"}

    async def fill_in(self, browser: Browser) -> Page:
        """From the first page of a draft to the page with all answers."""
        for _ in range(MOST_PAGES):
            page = browser.shown
            path = page.path.partition("?")[0].split("/")
            if len(path) == 4:
                return page
            if path[4] == "documents":
                await self._hand_in(browser, path[5])
            else:
                await self._fill_page(browser, path[4])
        raise AssertionError(f"after {MOST_PAGES} pages there is no end: {browser.shown}")

    async def supply(self, browser: Browser, document: str) -> Page:
        """On the page where the office asks for something: another file of a document."""
        [label] = [one.name.de for one in self.procedure.documents if one.key == document]
        chosen = {f"Datei auswählen: {label}": File(f"{document}.pdf", PDF + b"% anew\n", "application/pdf")}
        return await browser.submit(chosen, button="Abschicken")

    async def _hand_in(self, browser: Browser, document: str) -> None:
        chosen = {document: File(f"{document}.pdf", PDF, "application/pdf")}
        page = await browser.submit(chosen, button="Weiter")
        assert page.status == 200, page

    async def _fill_page(self, browser: Browser, key: str) -> None:
        asked = next(page for page in self.procedure.form.pages if page.key == key)
        self.pages.append(browser.shown.heading)
        for one in asked.fields:
            if isinstance(one, GroupField):
                await self._set_items(browser, one)
        form = _form(browser)
        typed = typed_answers(asked.fields, self.answers, "de")
        self._fill(form, dict(_named(asked.fields, typed)))
        page = await browser.send(form, form.button("Weiter"))
        assert page.status == 200, (page.errors, page)

    async def _set_items(self, browser: Browser, group: GroupField) -> None:
        """As many items as there are answers."""
        wanted = len(self.answers.get(group.key, []))
        for _ in range(MOST_PAGES):
            form = _form(browser)
            there = sum(found.is_hidden and _is_item(found.name, group.key) for found in form.fields)
            if there == wanted or (there < 2 and not wanted):
                return
            change = f"add {group.key}" if there < wanted else f"remove {group.key} {there - 1}"
            buttons = [one for one in form.buttons if one.get("value") == change]
            if not buttons:
                return  # it is asked when other questions of the page are answered
            page = await browser.send(form, buttons[0])
            assert (page.status, page.errors) == (200, {}), page

    def _fill(self, form: PageForm, values: Mapping[str, Any]) -> None:
        """Every field of the form: with its answer, or empty where there is none."""
        for found in form.fields:
            if found.is_hidden:
                continue
            value = values.get(found.name)
            if found.kind == "file":
                found.files = [self._files[reference["sha256"]] for reference in value or []]
            elif found.kind == "checkbox":
                found.chosen = [value] if isinstance(value, str) else list(value or [])
            elif value is None:
                found.chosen = [] if found.kind == "radio" else [""]
            else:
                found.fill(value)


def _form(browser: Browser) -> PageForm:
    [form] = [one for one in browser.shown.forms if one.button("Weiter") is not None]
    return form


def _is_item(name: str, group: str) -> bool:
    return name.startswith(f"{group}.") and name.count(".") == 1


def _named(fields: Sequence[FormField], typed: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """The values of inputs by their names."""
    for one in fields:
        value = typed.get(one.key)
        name = f"{before}{one.key}"
        if isinstance(one, GroupField):
            for number, item in enumerate(value or []):
                yield from _named(one.fields, item, f"{name}.{number}.")
        elif isinstance(value, Mapping):
            yield from ((f"{name}.{part}", text) for part, text in value.items())
        else:
            yield name, value
