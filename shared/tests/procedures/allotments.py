"""A small procedure to try the format with: somebody rents an allotment. Each test changes what it is about."""

from datetime import date
from typing import Any

import yaml
from amtsbus.procedures.declaration import ProcedureFile

TODAY = date(2026, 11, 24)

ALLOTMENT = """\
key: allotment
name: {de: "Kleingarten pachten", en: "Rent an allotment", plain: "Einen Garten mieten"}
summary: {de: "Sie möchten einen Kleingarten pachten.", en: "You would like to rent an allotment."}
audience: {de: "Alle in der Stadt", en: "Everybody in the city"}
words: [Garten, allotment]
life_events: [environment]
legal_basis: [BKleingG § 4]
applicant: resident
identification: basic
personal_data: ordinary
retention: {years: 10}
reference_prefix: GARTEN
duration: {de: "Vier Wochen", en: "Four weeks"}
fee: {cents: 2500, basis: Gebührensatzung § 2}
form:
  pages:
    - key: tenant
      title: {de: "Wer pachtet?", en: "Who rents it?"}
      fields:
        - {key: tenant_name, type: name, label: {de: "Name", en: "Name"}}
    - key: garden
      title: {de: "Welcher Garten?", en: "Which garden?"}
      fields:
        - {key: area, type: number, least: 50, most: 400, label: {de: "Fläche", en: "Area"}}
        - key: hut
          type: yes-no
          label: {de: "Mit Laube?", en: "With a hut?"}
    - key: hut
      title: {de: "Was für eine Laube?", en: "What kind of hut?"}
      when: form.hut
      fields:
        - {key: colour, type: text, required: false, label: {de: "Farbe?", en: "Colour?"}}
  computed:
    - key: rent
      label: {de: "Pacht im Jahr", en: "Rent a year"}
      value: form.area * 40
      kind: money
  checks:
    - that: form.area < 350 || !form.hut
      message: {de: "Der Garten ist zu groß für eine Laube.", en: "The garden is too large for a hut."}
      at: hut
documents:
  - key: sketch
    name: {de: "Skizze der Laube", en: "Sketch of the hut"}
    when: form.hut
decision: {basis: BKleingG § 4}
letters:
  received:
    subject: {de: "Ihr Antrag {reference}", en: "Your application {reference}"}
    body: {de: "Ihr Antrag ist da.", en: "your application is here."}
  granted:
    subject: {de: "Ihr Garten {reference}", en: "Your garden {reference}"}
    body: {de: "Der Garten gehört {form.tenant_name}.", en: "the garden is for {form.tenant_name}."}
  refused:
    subject: {de: "Ihr Antrag {reference}", en: "Your application {reference}"}
    body: {de: "Leider nicht.", en: "unfortunately not."}
"""

OFFICE = """\
key: environment
name: {de: "Umwelt", en: "Environment"}
street: Musterplatz 1
postal_code: "51373"
locality: Leverkusen
phone: 0214 4060
email: environment@example.org
hours: {de: "Montags", en: "On Mondays"}
"""

PLAIN = {"label": {"de": "Die Frage?", "en": "The question?"}}
"""What every field has."""

OPTIONS = [
    {"key": "roses", "label": {"de": "Rosen", "en": "Roses", "plain": "Blumen"}},
    {"key": "kale", "label": {"de": "Grünkohl", "en": "Kale"}},
    {"key": "apple-tree", "label": {"de": "Apfelbaum", "en": "Apple tree"}},
]

Field = dict[str, Any]


def field(key: str, kind: str, **more: Any) -> Field:
    """A field as YAML gives it; the parts that its kind needs are there."""
    needed: Field = {}
    if kind == "choice":
        needed = {"options": OPTIONS}
    if kind == "group":
        needed = {"item": {"de": "Beet", "en": "Bed"}}
    return {"key": key, "type": kind} | PLAIN | needed | more


def page(key: str, *fields: Field, **more: Any) -> Field:
    """A page with these fields."""
    return {"key": key, "title": {"de": "Seite", "en": "Page"}, "fields": list(fields)} | more


def procedure(**parts: Any) -> ProcedureFile:
    """The allotment with other `parts`."""
    return ProcedureFile.model_validate(yaml.safe_load(ALLOTMENT) | parts)


def with_pages(*pages: Field, **form: Any) -> ProcedureFile:
    """The allotment with another form, and letters that ask for nothing of the old one."""
    text = {"de": "Wort", "en": "word"}
    letter = {"subject": text, "body": text}
    return procedure(
        form={"pages": list(pages)} | form,
        documents=[],
        letters={"received": letter, "granted": letter, "refused": letter},
    )


def asking(*fields: Field, **form: Any) -> ProcedureFile:
    """The allotment with a form of one page, which asks for these fields."""
    return with_pages(page("all", *fields), **form)


BEDS = field(
    "beds",
    "group",
    most=3,
    fields=[
        field("plant", "text", max_length=20),
        field("planted_on", "date", latest="today"),
        field("organic", "yes-no", required=False),
        field("seal", "text", when="form.organic"),
    ],
)

EVERYTHING = with_pages(
    page(
        "applicant",
        field("why", "text", lines=3, max_length=120),
        field(
            "plot",
            "text",
            pattern="[A-Z][0-9]{2}",
            pattern_message={"de": "Wie A12.", "en": "Like A12."},
            example="A12",
        ),
        field("who", "name"),
        field("begins_on", "date", earliest="today", latest="days_after(today, 30)"),
        field("address", "address"),
        field("iban", "iban", required=False),
        field("email", "email", required=False),
        field("phone", "phone", required=False),
    ),
    page(
        "garden",
        field("people", "number", least=1, most=12),
        field("hours", "number", decimals=2, least=0, most=40, required=False),
        field("deposit", "money", least_cents=100, most_cents=500_000),
        field("plants", "choice", several=True),
        field("main_plant", "choice"),
        field("hut", "yes-no"),
        field("colour", "text", when="form.hut", required="form.main_plant == 'roses'"),
        field("photos", "upload", most=2, required=False),
        field("rules_read", "declaration"),
        field("newsletter", "declaration", required=False),
        BEDS,
    ),
)
"""A field of every kind, with conditions."""
