"""The declaration of a procedure: one file says everything about one service of an office.

The models are the published format (`amtsbus procedures schema` writes the JSON Schema for editors). What a single field
cannot say by itself (that a condition asks for a field which comes later, that two fields have one key) is found by
`amtsbus.procedures.checking`.

Words: a *page* asks one thing; a *field* has a key in snake_case under which conditions know it (`form.dog_name`); a
condition is CEL. An unanswered field is not in `form`: a condition that depends on one is not fulfilled, a check that depends on
one does not apply, and `has(form.x)` asks whether it was answered. A *citation* (`legal_basis`, every `basis`) names the law as a
German authority does, in German whatever the language of the page: `KAG NRW §§ 1 bis 3, 12`.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from amtsbus.casework.calendar import Period, calendar_days, months, weeks, werktage, working_days

Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=60)]
"""Lower case with hyphens."""
FieldKey = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=60)]
"""Lower case with underscores, so that a condition can name it."""
Cel = Annotated[str, StringConstraints(min_length=1, max_length=1000, strip_whitespace=True)]
Sentence = Annotated[str, StringConstraints(min_length=1, max_length=4000, strip_whitespace=True)]
Citation = Sentence
"""A law as a German authority cites it, in German on every page: `AO § 155 in Verbindung mit KAG NRW § 12`."""


class Declared(BaseModel):
    """A part of a declaration: unknown keys are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Text(Declared):
    """What people read, in the languages of the portal."""

    de: Sentence
    """German, in the words of the law."""
    en: Sentence
    """English."""
    plain: Sentence | None = None
    """Plain German (Einfache Sprache), where the text was written."""

    def in_language(self, language: str) -> str:
        """The text in `language` (`de`, `en`, `plain`); German where there is none in it."""
        return (self.plain or self.de) if language == "plain" else self.en if language == "en" else self.de


class Identification(StrEnum):
    """How sure the office must be of who applies (trust levels of eIDAS)."""

    NONE = "none"
    """Anonymous; a name is asked for in the form where one is needed."""
    BASIC = "basic"
    SUBSTANTIAL = "substantial"
    HIGH = "high"

    @property
    def level(self) -> int:
        """0 for none to 3 for high."""
        return list(Identification).index(self)


class PersonalData(StrEnum):
    """How much protection what is asked for needs."""

    NONE = "none"
    ORDINARY = "ordinary"
    SPECIAL = "special"
    """Art. 9 or 10 GDPR: health, religion, biometrics, criminal records."""


class Applicant(StrEnum):
    """Who may apply."""

    ANYONE = "anyone"
    RESIDENT = "resident"
    ORGANISATION = "organisation"
    BUSINESS = "business"
    OWNER = "owner"
    PARENT = "parent"


class LifeEvent(StrEnum):
    """What happens in somebody's life when they look for a service."""

    MOVING = "moving"
    BIRTH = "birth"
    CHILDHOOD = "childhood"
    SCHOOL = "school"
    MARRIAGE = "marriage"
    DEATH = "death"
    IDENTITY = "identity"
    CITIZENSHIP = "citizenship"
    BUILDING = "building"
    BUSINESS = "business"
    DRIVING = "driving"
    ANIMALS = "animals"
    ENVIRONMENT = "environment"
    EVENTS = "events"
    HARDSHIP = "hardship"
    DISABILITY = "disability"
    TAXES = "taxes"
    CULTURE = "culture"
    COMPLAINT = "complaint"
    CIVIC = "civic"


class Prefill(StrEnum):
    """What is known of somebody who has logged in."""

    GIVEN_NAMES = "given-names"
    FAMILY_NAME = "family-name"
    FULL_NAME = "full-name"
    BIRTH_DATE = "birth-date"
    ADDRESS = "address"
    EMAIL = "email"


# the form


class _Field(Declared):
    key: FieldKey
    label: Text
    """The question."""
    hint: Text | None = None
    """What helps to answer it."""
    required: bool | Cel = True
    """Whether it must be answered: true, false, or a condition of the fields before it."""
    when: Cel | None = None
    """It is asked only where this is true of the fields before it."""


class TextField(_Field):
    """Words."""

    type: Literal["text"]
    lines: int = Field(1, ge=1, le=20)
    """How many lines the box has."""
    max_length: int = Field(200, ge=1, le=5000)
    pattern: str | None = None
    """A regular expression that the whole answer fits."""
    pattern_message: Text | None = None
    """What to write instead; goes with `pattern`."""
    example: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    """An answer as it could be; needed where there is a `pattern`."""

    @model_validator(mode="after")
    def _pattern_is_explained(self) -> Self:
        if (self.pattern is None) != (self.pattern_message is None) or (self.pattern and not self.example):
            raise ValueError("a pattern has a pattern_message that says what to write, and an example that fits")
        return self


class NameField(_Field):
    """A name of a person or an organisation, in the characters of DIN 91379."""

    type: Literal["name"]
    prefill: Prefill | None = None


class DateField(_Field):
    """A day. In conditions it is text like `2026-11-24`, which compares as days do."""

    type: Literal["date"]
    earliest: Cel | None = None
    """CEL that gives the first day allowed: `today`, `days_after(today, -30)`, `form.begins_on`."""
    latest: Cel | None = None
    prefill: Literal[Prefill.BIRTH_DATE] | None = None


class AddressField(_Field):
    """A postal address in Germany: `form.x.street`, `.house_number`, `.postal_code`, `.locality`."""

    type: Literal["address"]
    prefill: Literal[Prefill.ADDRESS] | None = None


class IbanField(_Field):
    """A bank account of the SEPA area."""

    type: Literal["iban"]


class EmailField(_Field):
    """An e-mail address."""

    type: Literal["email"]
    prefill: Literal[Prefill.EMAIL] | None = None


class PhoneField(_Field):
    """A telephone number."""

    type: Literal["phone"]


class NumberField(_Field):
    """A number; whole unless `decimals` says how many digits follow the comma."""

    type: Literal["number"]
    least: float | None = None
    most: float | None = None
    decimals: int = Field(0, ge=0, le=4)
    unit: Text | None = None


class MoneyField(_Field):
    """An amount in euros. In conditions it is a whole number of cents."""

    type: Literal["money"]
    least_cents: int = Field(0, ge=0)
    most_cents: int = Field(1_000_000_000_00, ge=0)


class Option(Declared):
    """One of the answers of a choice."""

    key: Key
    label: Text
    hint: Text | None = None


class ChoiceField(_Field):
    """One of some answers, or several of them (then it is a list in conditions)."""

    type: Literal["choice"]
    options: tuple[Option, ...] = Field(min_length=2, max_length=300)
    several: bool = False


class YesNoField(_Field):
    """Yes or no; `true` or `false` in conditions."""

    type: Literal["yes-no"]


class UploadField(_Field):
    """Files: PDF, JPEG or PNG. In conditions it is a list of their names."""

    type: Literal["upload"]
    most: int = Field(5, ge=1, le=20)


class DeclarationField(_Field):
    """A statement that is made by ticking it; a required one must be."""

    type: Literal["declaration"]


_AnyPlainField = (
    TextField
    | NameField
    | DateField
    | AddressField
    | IbanField
    | EmailField
    | PhoneField
    | NumberField
    | MoneyField
    | ChoiceField
    | YesNoField
    | UploadField
    | DeclarationField
)
PlainField = Annotated[_AnyPlainField, Field(discriminator="type")]


class GroupField(_Field):
    """The same questions for each of several people or things; a list of objects in conditions."""

    type: Literal["group"]
    fields: tuple[PlainField, ...] = Field(min_length=1, max_length=20)
    item: Text
    """What one of them is called: child, animal, vehicle."""
    least: int = Field(1, ge=0, le=50)
    most: int = Field(10, ge=1, le=50)


FormField = Annotated[_AnyPlainField | GroupField, Field(discriminator="type")]


class Page(Declared):
    """One page of the form: it asks one thing, with the fields that belong to it."""

    key: Key
    title: Text
    intro: Text | None = None
    when: Cel | None = None
    """It is shown only where this is true of the pages before it."""
    fields: tuple[FormField, ...] = Field(min_length=1, max_length=15)


class Check(Declared):
    """What must be true of several answers together."""

    that: Cel
    message: Text
    """What is wrong and what to do."""
    at: FieldKey
    """The field where the message stands."""


class ComputedValue(Declared):
    """A value that follows from the answers; `computed.x` in conditions that come after it."""

    key: FieldKey
    label: Text
    value: Cel
    kind: Literal["text", "number", "money", "yes-no", "date"]
    shown: bool = True
    """Whether it stands among the answers that are checked before submitting."""


class Form(Declared):
    """What is asked."""

    pages: tuple[Page, ...] = Field(min_length=1, max_length=40)
    computed: tuple[ComputedValue, ...] = ()
    checks: tuple[Check, ...] = ()

    @property
    def fields(self) -> tuple[FormField, ...]:
        """The fields of all pages, in the order in which they are asked."""
        return tuple(field for page in self.pages for field in page.fields)


class DocumentAsked(Declared):
    """A document that belongs to the application; it is uploaded on a page of its own after the form's."""

    key: FieldKey
    name: Text
    hint: Text | None = None
    when: Cel | None = None
    required: bool | Cel = True
    """A document that is not required can be handed in later."""


# what happens to it


class Letter(Declared):
    """One letter. Paragraphs are separated by an empty line; `{reference}`, `{name}`, `{office}`, `{service}`, `{date}`, `{fee}`,
    `{due_on}`, `{reasons}`, `{documents}`, `{form.x}` and `{computed.x}` stand for what the case has. A paragraph that names
    something which this case does not have is left out."""

    subject: Text
    body: Text


class StateName(Declared):
    """A state beyond the standard ones, or another name for a standard one."""

    key: Key
    name: Text
    final: bool = False


class Step(Declared):
    """An action beyond the standard ones."""

    action: Key
    name: Text
    sources: tuple[Key, ...] = Field(min_length=1, alias="from")
    target: Key = Field(alias="to")
    by: tuple[Literal["clerk", "lead", "citizen"], ...] = ("clerk", "lead")
    needs_reason: bool = False
    four_eyes: bool = False
    letter: Letter | None = None
    """What is written to the applicant when it is taken."""

    model_config = ConfigDict(populate_by_name=True)


class LegalPeriod(Declared):
    """A period in one unit: `{months: 3}`."""

    days: int | None = Field(None, ge=1, le=3660)
    """Calendar days."""
    working_days: int | None = Field(None, ge=1, le=999)
    """Arbeitstage, Monday to Friday without holidays."""
    werktage: int | None = Field(None, ge=1, le=999)
    """Werktage, Monday to Saturday without holidays."""
    weeks: int | None = Field(None, ge=1, le=520)
    months: int | None = Field(None, ge=1, le=120)
    years: int | None = Field(None, ge=1, le=110)

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError("a period has exactly one unit, for example {months: 3}")
        return self

    @property
    def period(self) -> Period:
        """The period as the calendar counts it."""
        [(unit, count)] = self.model_dump(exclude_none=True).items()
        if unit == "years":
            return months(12 * count)
        return {
            "days": calendar_days,
            "working_days": working_days,
            "werktage": werktage,
            "weeks": weeks,
            "months": months,
        }[unit](count)


class Deadline(Declared):
    """Until when the office has to decide."""

    period: LegalPeriod
    starts: Literal["received", "complete"] = "complete"
    """It runs from the day on which the application came, or on which it was complete."""
    basis: Citation
    """The law that says so, cited in German."""
    suspended_while_waiting: bool = True
    """It stands still while documents are asked for."""
    fiction: Literal["granted"] | None = None
    """At its end the application counts as granted (VwVfG § 42a), where a law says so."""


class Fee(Declared):
    """What it costs: an amount, a rule, to be set by the city, or computed by the department's own code."""

    cents: int | None = Field(None, ge=0)
    rule: Cel | None = None
    """CEL over the form that gives whole cents."""
    set_by_city: bool = False
    """The city's statutes say how much; until they are entered nothing is charged."""
    by_own_code: Literal[True] | None = None
    """The department's own code computes it, from numbers of the law that it keeps; goes with `own_code` of the procedure."""
    basis: Citation
    """The law or statute that says so, cited in German."""
    charged: Literal["granted", "decided", "received"] = "granted"
    """When it falls due: with a positive decision, with any decision, or before anybody looks at it."""
    note: Text | None = None
    """What a citizen should know about it."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [self.cents is not None, self.rule is not None, self.set_by_city, self.by_own_code is True]
        if ways.count(True) != 1:
            raise ValueError("a fee is one of cents, rule, set_by_city or by_own_code")
        return self


class Automatic(Declared):
    """A decision without a human, which a law must allow (VwVfG § 35a)."""

    when: Cel
    reasons: Text
    basis: Citation
    """The law that allows it, cited in German."""


class Decision(Declared):
    """How it is decided."""

    four_eyes: bool = False
    """One person proposes, a second one decides."""
    hearing: tuple[Key, ...] = ()
    """Other offices that are asked first."""
    hearing_period: LegalPeriod = LegalPeriod(months=1)
    automatic: Automatic | None = None
    basis: Citation
    """The law that the decision is based on, cited in German."""
    remedy: Literal["court", "objection", "none"] = "court"
    """What somebody can do against it: an action before the administrative court, an objection, or, where nothing is decided
    against anybody, nothing."""


class Letters(Declared):
    """What is written to the applicant, by what happened."""

    received: Letter
    granted: Letter
    refused: Letter
    documents_requested: Letter | None = None
    withdrawn: Letter | None = None
    lapsed: Letter | None = None
    """Without an entry the city's standard text is taken."""

    def by_event(self) -> dict[str, Letter]:
        """The letters that are written here, by what happened."""
        return {event: letter for event in type(self).model_fields if (letter := getattr(self, event)) is not None}


class Retention(Declared):
    """How long a closed case is kept."""

    years: int | None = Field(None, ge=0, le=120)
    """None: to be decided with the archive and the data protection officer."""
    basis: Citation | None = None
    """The law that says so, cited in German."""


class ProcedureFile(Declared):
    """A procedure (Verfahren): one service of one office."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["letters"]}, {"required": ["own_code"]}]})

    key: Key
    name: Text
    summary: Text
    """One or two sentences: what it is good for."""
    audience: Text
    """For whom it is."""
    words: tuple[str, ...] = Field(min_length=1, max_length=40)
    """Everyday words by which people look for it, in German and English."""
    life_events: tuple[LifeEvent, ...] = Field(min_length=1)
    legal_basis: tuple[Citation, ...] = Field(min_length=1)
    """The laws it rests on, each cited in German whatever the language of the page."""
    applicant: Applicant
    identification: Identification
    personal_data: PersonalData
    retention: Retention
    own_code: Literal[True] | None = None
    """The department has a program of its own for this service, which decides and writes the letters itself. The file then says
    what is asked, and what states and steps are called; it has no letters and no automatic decision."""
    reference_prefix: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{1,7}$")]
    """The beginning of its reference numbers."""
    duration: Text
    """How long it takes as a rule, in words."""
    deadline: Deadline | None = None
    documents_period: LegalPeriod = LegalPeriod(weeks=4)
    """How much time there is for documents that are asked for."""
    fee: Fee
    form: Form
    documents: tuple[DocumentAsked, ...] = ()
    decision: Decision
    states: tuple[StateName, ...] = ()
    steps: tuple[Step, ...] = ()
    letters: Letters | None = None
    """What is written to the applicant; needed unless there is `own_code`."""
    to_check: tuple[Sentence, ...] = ()
    """What the city's lawyers should look at before it goes live."""
    leika: str | None = None
    """Its key in the federal catalogue of services (LeiKa)."""

    @property
    def names(self) -> dict[str, Text]:
        """What its documents and questions are called, by their keys."""
        return {one.key: one.name for one in self.documents} | {one.key: one.label for one in self.form.fields}


class OfficeFile(Declared):
    """An office: `office.yaml` in the folder of its procedures."""

    key: Key
    name: Text
    street: Sentence
    postal_code: Annotated[str, StringConstraints(pattern=r"^\d{5}$")]
    locality: Sentence
    phone: Sentence
    email: Sentence
    hours: Text
