"""What a procedure file says, for people who do not read YAML: the city's lawyers, its data protection officer, a new colleague.

Markdown, in German or English; the states are a Mermaid diagram. Nothing in it is written by hand.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, Literal

from amtsbus.casework.procedure import Transition
from amtsbus.procedures import steps, wording
from amtsbus.procedures.declaration import (
    ChoiceField,
    DocumentAsked,
    Fee,
    FormField,
    GroupField,
    LegalPeriod,
    OfficeFile,
    Page,
    ProcedureFile,
)

_WORDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "office": ("Zuständig", "Office"),
        "audience": ("Für wen", "For whom"),
        "legal_basis": ("Rechtsgrundlagen", "Legal basis"),
        "identification": ("Vertrauensniveau der Anmeldung", "Trust level of the log-in"),
        "personal_data": ("Personenbezogene Daten", "Personal data"),
        "retention": ("Aufbewahrung nach dem Abschluss", "Kept after the end"),
        "undecided": ("mit Archiv und Datenschutz festzulegen", "to be decided with archive and data protection"),
        "duration": ("Dauer", "Duration"),
        "deadline": ("Entscheidungsfrist", "Period for the decision"),
        "starts.received": ("ab Eingang", "from receipt"),
        "starts.complete": ("ab Vollständigkeit", "from completeness"),
        "suspended": ("ruht, solange Unterlagen fehlen", "stands still while documents are missing"),
        "fiction": ("danach gilt der Antrag als bewilligt", "afterwards the application counts as granted"),
        "documents_period": ("Frist zum Nachreichen", "Time to hand in what is missing"),
        "fee": ("Gebühr", "Fee"),
        "free": ("keine", "none"),
        "set_by_city": ("nach der Satzung der Stadt", "by the city's statutes"),
        "own_code": ("berechnet das Programm des Amts", "computed by the department's program"),
        "charged.granted": ("fällig mit einer Bewilligung", "due when it is granted"),
        "charged.decided": ("fällig mit jeder Entscheidung", "due with any decision"),
        "charged.received": ("fällig vor der Bearbeitung", "due before anybody looks at it"),
        "decision": ("Entscheidung", "Decision"),
        "four_eyes": ("vier Augen", "four eyes"),
        "hearing": ("vorher gehört", "heard before"),
        "automatic": ("automatisch, wenn", "automatic where"),
        "remedy": ("Rechtsbehelf", "Remedy"),
        "remedy.court": ("Klage", "action before the court"),
        "remedy.objection": ("Widerspruch", "objection"),
        "remedy.none": ("keiner", "none"),
        "identification.none": ("keine Anmeldung", "no log-in"),
        "identification.basic": ("einfach", "basic"),
        "identification.substantial": ("substanziell", "substantial"),
        "identification.high": ("hoch", "high"),
        "personal_data.none": ("keine", "none"),
        "personal_data.ordinary": ("gewöhnliche", "ordinary"),
        "personal_data.special": (
            "besondere Kategorien (DSGVO Art. 9, 10)",
            "special categories (GDPR articles 9, 10)",
        ),
        "type.text": ("Text", "text"),
        "type.name": ("Name", "name"),
        "type.date": ("Datum", "date"),
        "type.address": ("Anschrift", "address"),
        "type.iban": ("IBAN", "IBAN"),
        "type.email": ("E-Mail-Adresse", "e-mail address"),
        "type.phone": ("Telefonnummer", "phone number"),
        "type.number": ("Zahl", "number"),
        "type.money": ("Betrag", "amount"),
        "type.choice": ("Auswahl", "choice"),
        "type.several": ("mehrere aus", "several of"),
        "type.yes-no": ("ja oder nein", "yes or no"),
        "type.upload": ("Dateien", "files"),
        "type.declaration": ("Erklärung", "declaration"),
        "type.group": ("mehrmals", "several times"),
        "questions": ("Was gefragt wird", "What is asked"),
        "question": ("Frage", "Question"),
        "kind": ("Art", "Kind"),
        "required": ("Pflicht", "Required"),
        "only_if": ("nur wenn", "only if"),
        "yes": ("ja", "yes"),
        "no": ("nein", "no"),
        "checks": ("Was zusammenpassen muss", "What must go together"),
        "must": ("Bedingung", "Condition"),
        "message": ("Meldung", "Message"),
        "computed": ("Was sich daraus ergibt", "What follows from it"),
        "value": ("Wert", "Value"),
        "documents": ("Unterlagen", "Documents"),
        "document": ("Unterlage", "Document"),
        "states": ("Wie es weitergeht", "How it goes on"),
        "step": ("Schritt", "Step"),
        "by": ("durch", "by"),
        "needs_reason": ("mit Begründung", "with reasons"),
        "citizen": ("Antragstellende", "applicant"),
        "clerk": ("Sachbearbeitung", "caseworker"),
        "lead": ("Leitung", "lead"),
        "system": ("von selbst", "by itself"),
        "letters": ("Was geschrieben wird", "What is written"),
        "to_check": ("Zu prüfen, bevor es angeboten wird", "To be checked before it is offered"),
    }
)
_UNITS: Final[Mapping[str, tuple[tuple[str, str], tuple[str, str]]]] = MappingProxyType(
    {
        "days": (("Tag", "Tage"), ("day", "days")),
        "working_days": (("Arbeitstag", "Arbeitstage"), ("working day", "working days")),
        "werktage": (("Werktag", "Werktage"), ("weekday", "weekdays (Monday to Saturday)")),
        "weeks": (("Woche", "Wochen"), ("week", "weeks")),
        "months": (("Monat", "Monate"), ("month", "months")),
        "years": (("Jahr", "Jahre"), ("year", "years")),
    }
)


def description(declared: ProcedureFile, office: OfficeFile | None, language: Literal["de", "en"] = "de") -> str:
    """All that the file says, as Markdown."""
    return "\n".join(_Description(declared, office, language).lines()) + "\n"


class _Description:
    def __init__(self, declared: ProcedureFile, office: OfficeFile | None, language: Literal["de", "en"]) -> None:
        self.declared, self.office, self.language = declared, office, language

    def lines(self) -> Iterator[str]:
        declared, language = self.declared, self.language
        yield f"# {declared.name.in_language(language)}"
        yield ""
        yield declared.summary.in_language(language)
        yield ""
        yield from self._table(("", ""), self._facts())
        yield from self._form()
        yield from self._documents()
        yield from self._states()
        yield from self._letters()
        if declared.to_check:
            yield from self._heading("to_check")
            yield from (f"- {one}" for one in declared.to_check)

    def _facts(self) -> Iterator[tuple[str, str]]:
        declared, say = self.declared, self._say
        if self.office:
            yield say("office"), self.office.name.in_language(self.language)
        yield say("audience"), declared.audience.in_language(self.language)
        yield say("legal_basis"), "; ".join(declared.legal_basis)
        yield say("identification"), say(f"identification.{declared.identification}")
        yield say("personal_data"), say(f"personal_data.{declared.personal_data}")
        years = declared.retention.years
        kept = say("undecided") if years is None else self._count("years", years)
        yield say("retention"), self._joined(kept, declared.retention.basis)
        yield say("duration"), declared.duration.in_language(self.language)
        if declared.deadline:
            deadline = declared.deadline
            yield (
                say("deadline"),
                self._joined(
                    f"{self._period(deadline.period)} {say(f'starts.{deadline.starts}')}",
                    say("suspended") if deadline.suspended_while_waiting else None,
                    say("fiction") if deadline.fiction else None,
                    deadline.basis,
                ),
            )
        yield say("documents_period"), self._period(declared.documents_period)
        yield say("fee"), self._fee(declared.fee)
        yield say("decision"), self._decision()
        yield say("remedy"), say(f"remedy.{declared.decision.remedy}")

    def _fee(self, fee: Fee) -> str:
        if fee.cents is not None:
            amount = wording.euros(fee.cents, self.language) if fee.cents else self._say("free")
        elif fee.rule:
            amount = _code(fee.rule)
        else:
            amount = self._say("own_code" if fee.by_own_code else "set_by_city")
        note = fee.note.in_language(self.language) if fee.note else None
        return self._joined(amount, None if fee.cents == 0 else self._say(f"charged.{fee.charged}"), fee.basis, note)

    def _decision(self) -> str:
        decision = self.declared.decision
        heard = ", ".join(decision.hearing)
        return self._joined(
            decision.basis,
            self._say("four_eyes") if decision.four_eyes else None,
            f"{self._say('hearing')}: {heard} ({self._period(decision.hearing_period)})" if heard else None,
            f"{self._say('automatic')} {_code(decision.automatic.when)} ({decision.automatic.basis})"
            if decision.automatic
            else None,
        )

    def _form(self) -> Iterator[str]:
        yield from self._heading("questions")
        for number, page in enumerate(self.declared.form.pages, 1):
            yield f"### {number}. {page.title.in_language(self.language)}"
            yield ""
            if page.intro:
                yield from (page.intro.in_language(self.language), "")
            if page.when:
                yield from (f"{self._say('only_if')} {_code(page.when)}", "")
            head = tuple(self._say(one) for one in ("question", "kind", "required", "only_if"))
            yield from self._table(head, self._questions(page))
        form = self.declared.form
        if form.checks:
            yield from self._heading("checks")
            head = (self._say("must"), self._say("message"))
            yield from self._table(
                head, ((_code(one.that), one.message.in_language(self.language)) for one in form.checks)
            )
        if form.computed:
            yield from self._heading("computed")
            head = ("", self._say("value"))
            yield from self._table(
                head, ((one.label.in_language(self.language), _code(one.value)) for one in form.computed)
            )

    def _questions(self, page: Page) -> Iterator[tuple[str, ...]]:
        for field in page.fields:
            yield self._question(field, "")
            if isinstance(field, GroupField):
                yield from (self._question(part, f"{field.item.in_language(self.language)}: ") for part in field.fields)

    def _question(self, field: FormField, before: str) -> tuple[str, ...]:
        kind = self._say(f"type.{field.type}")
        if isinstance(field, ChoiceField):
            options = ", ".join(option.label.in_language(self.language) for option in field.options)
            kind = f"{self._say('type.several') if field.several else kind}: {options}"
        label = before + field.label.in_language(self.language)
        return label, kind, self._required(field), _code(field.when) if field.when else ""

    def _required(self, one: FormField | DocumentAsked) -> str:
        if isinstance(one.required, bool):
            return self._say("yes" if one.required else "no")
        return _code(one.required)

    def _documents(self) -> Iterator[str]:
        if self.declared.documents:
            yield from self._heading("documents")
            head = tuple(self._say(one) for one in ("document", "required", "only_if"))
            rows = (
                (one.name.in_language(self.language), self._required(one), _code(one.when) if one.when else "")
                for one in self.declared.documents
            )
            yield from self._table(head, rows)

    def _states(self) -> Iterator[str]:
        procedure = steps.compiled(self.declared)
        states = [procedure.initial]
        for one in procedure.transitions:
            states += [state for state in (*one.sources, one.target) if state not in states]
        yield from self._heading("states")
        yield from ("```mermaid", "stateDiagram-v2")
        for state in states:
            yield f'    state "{self._state(state)}" as {_id(state)}'
        yield f"    [*] --> {_id(procedure.initial)}"
        for one in procedure.transitions:
            yield from (f"    {_id(source)} --> {_id(one.target)}: {self._step(one.action)}" for source in one.sources)
        yield from (f"    {_id(state)} --> [*]" for state in states if state in procedure.final)
        yield from ("```", "")
        head = (self._say("step"), self._say("by"), "")
        yield from self._table(head, (self._row(one) for one in procedure.transitions))

    def _row(self, one: Transition) -> tuple[str, ...]:
        notes = [self._say(name) for name in ("needs_reason", "four_eyes") if getattr(one, name)]
        return self._step(one.action), ", ".join(self._say(str(role)) for role in one.by), ", ".join(notes)

    def _letters(self) -> Iterator[str]:
        written = self.declared.letters.by_event() if self.declared.letters else {}
        written |= {step.action: step.letter for step in self.declared.steps if step.letter}
        if written:
            yield from self._heading("letters")
        for event, letter in written.items():
            yield from (f"### {letter.subject.in_language(self.language)}", "", f"`{event}`", "")
            yield from (f"> {line}".rstrip() for line in letter.body.in_language(self.language).strip().splitlines())
            yield ""

    # words

    def _say(self, key: str) -> str:
        return _WORDS[key][self.language == "en"]

    def _state(self, state: str) -> str:
        return steps.state_name(self.declared, state).in_language(self.language)

    def _step(self, action: str) -> str:
        return steps.step_name(self.declared, action).in_language(self.language)

    def _period(self, period: LegalPeriod) -> str:
        [(unit, count)] = period.model_dump(exclude_none=True).items()
        return self._count(unit, count)

    def _count(self, unit: str, count: int) -> str:
        return f"{count} {_UNITS[unit][self.language == 'en'][count != 1]}"

    def _joined(self, *parts: str | None) -> str:
        return "; ".join(part for part in parts if part)

    def _heading(self, key: str) -> Iterator[str]:
        yield from (f"## {self._say(key)}", "")

    def _table(self, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
        yield _line(head)
        yield _line(("---",) * len(head))
        yield from (_line(row) for row in rows)
        yield ""


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _code(condition: str) -> str:
    return f"`{' '.join(condition.split())}`"


def _id(state: str) -> str:
    return state.replace("-", "_")
