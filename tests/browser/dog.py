"""The registration of a dog as somebody fills it in, page by page: what each page is called, and its answers."""

from tests.browser.windows import Window

SERVICE = "Hund anmelden (Hundesteuer)"
PAGES: dict[str, dict[str, str | bool]] = {
    "Wer hält den Hund?": {
        "Vor- und Nachname": "Erika Demo-Mustermann",
        "Geburtsdatum": "24.12.1980",
        "Straße": "Hauptstraße",
        "Hausnummer": "12",
        "Postleitzahl": "51373",
        "Ort": "Leverkusen",
    },
    "Wie erreichen wir Sie bei Rückfragen?": {"E-Mail": "erika@example.org"},
    "Was für ein Hund ist es?": {
        "Rufname": "Demo-Rex",
        "Rasse": "Dackel",
        "Kleiner Hund (unter 40 cm und unter 20 kg)": True,
        "Geburtstag (ungefähr genügt)": "1.5.2020",
        "Chipnummer": "276098102345678",
    },
    "Seit wann halten Sie den Hund hier?": {
        "Beginn der Haltung in dieser Stadt": "1.11.2026",
        "Wie viele weitere Hunde gibt es in Ihrem Haushalt?": "0",
    },
    "Soll die Steuer ermäßigt werden oder entfallen?": {"Nein": True},
    "Wie möchten Sie die Steuer bezahlen?": {"Nein": True},
    "Ihre Erklärung": {
        "Meine Angaben sind vollständig und richtig. Änderungen melde ich innerhalb von zwei Wochen.": True,
    },
}
RELIEF = "Soll die Steuer ermäßigt werden oder entfallen?"
CHECK = "Stimmt alles?"
RECEIVED = "Ihre Hundeanmeldung {reference} ist angekommen"
GRANTED = "Demo-Rex ist angemeldet: {reference}"


async def begin(window: Window, citizen: str) -> None:
    """From the start page to the first page of the form."""
    await window.town.add_citizen(citizen, email="demo@example.org")
    await window.open("/")
    await window.field("Wonach suchen Sie?").fill("Hund anmelden")
    await window.click("Suchen")
    await window.follow(SERVICE)
    await window.follow("Jetzt beantragen")
    await window.choose_person(citizen)
    await window.click("Antrag beginnen")


async def fill_in(window: Window, *, until: str = CHECK) -> None:
    """Answer every page up to the one called `until`."""
    for heading, answers in PAGES.items():
        if heading == until:
            return
        assert await window.heading() == heading
        await window.fill(answers)
        await window.click("Weiter")
    assert await window.heading() == until


async def apply(window: Window, citizen: str) -> str:
    """Apply from the start page to the end.

    Returns:
        The application's path in the portal.
    """
    await begin(window, citizen)
    await fill_in(window)
    await window.click("Antrag abgeben")
    await window.page.wait_for_url("**/mine/*")
    return window.page.url.removeprefix(window.town.portal)
