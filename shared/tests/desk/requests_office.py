"""The office of requests: a department that has nothing but what every case has, to try the desk with."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from uuid import UUID

from amtsbus.casework import Case, Fee, working_days
from amtsbus.casework import store as cases
from amtsbus.casework.case import Decision, HistoryEntry
from amtsbus.desk import (
    Action,
    CaseDocument,
    CaseInWords,
    CaseLetter,
    Condition,
    Field,
    Filled,
    MistakesError,
    Rows,
    Sheet,
    Table,
    Viewer,
    desk_of,
    standard,
)
from amtsbus.desk.work_list import ListedCase
from amtsbus.documents import DocumentSettings
from amtsbus.errors import PreconditionFailedError
from amtsbus.ids import new_id
from amtsbus.postgres import Database, Tx
from amtsbus.reader import Reader
from amtsbus.service import Service

from ..casework.requests import APPLICANT, CITIZEN, REQUESTS

PDF = b"%PDF-1.7 a demo"
PICTURE = b"\x89PNG a demo"
PAPERS = {
    "plan": ("plan.pdf", "application/pdf", PDF),
    "photo": ("photo.png", "image/png", PICTURE),
    "page": ("page.html", "text/html", b"<script>alert(1)</script>"),
    "gone": ("gone.pdf", "application/pdf", b"never kept"),
}


class RequestWords:
    """Codes are their own names here."""

    def state(self, state: str) -> str:
        return f"state {state}"

    def action(self, action: str) -> str:
        return action.capitalize()

    def period(self, kind: str) -> str:
        return kind

    def fee(self, kind: str) -> str:
        return kind

    def outcome(self, outcome: str) -> str:
        return f"outcome {outcome}"

    def event(self, entry: HistoryEntry) -> str | None:
        return "something of our own" if entry.what == "of-our-own" else None

    def reason(self, entry: HistoryEntry) -> str | None:
        return entry.reason

    def reasons(self, decision: Decision) -> tuple[str, ...]:
        return decision.reasons


class RequestsDesk:
    """Every request is about the same; a name is found by its beginning."""

    name = "requests"
    title: Mapping[str, str] = MappingProxyType({"de": "Anträge", "en": "Requests"})
    land = "NW"

    def __init__(self) -> None:
        self.names: dict[UUID, str] = {}

    async def procedures(self, tx: Tx, viewer: Viewer) -> Sequence[tuple[str, str]]:
        return [("request", "Request")]

    async def states(self, tx: Tx, viewer: Viewer) -> Sequence[tuple[str, str]]:
        return [(state, state) for state in sorted(REQUESTS.states)]

    async def find(self, tx: Tx, words: str, limit: int, viewer: Viewer) -> list[UUID]:
        found = [key for key, name in self.names.items() if name.lower().startswith(words.lower())]
        of_reference = await tx.fetch("SELECT case_id FROM amtsbus.cases WHERE reference = $1", words)
        return [*found, *(row["case_id"] for row in of_reference)][:limit]

    async def in_words(self, tx: Tx, cases: Sequence[ListedCase], viewer: Viewer) -> Mapping[UUID, CaseInWords]:
        return {
            case.case_id: CaseInWords(
                self.names.get(case.case_id, "Demo-Nobody"), "Request", case.state, "info", "look at it", RequestWords()
            )
            for case in cases
        }

    async def sheet(self, tx: Tx, case_id: UUID, viewer: Viewer) -> Sheet:
        case = await cases.get(tx, case_id, REQUESTS)
        return Sheet(
            case=case,
            words=RequestWords(),
            procedure="Request",
            applicant=self.names.get(case_id, "Demo-Nobody"),
            kind="info",
            next_step="look at it",
            facts=(("A fact", "it is so"),),
            answers=(Rows("What is asked", (("For what?", "<b>for bread</b>"),)),),
            problems=("Something is wrong",),
            documents=tuple(
                CaseDocument(key, key, name, kind, len(content), sha256(content).hexdigest(), viewer.now)
                for key, (name, kind, content) in PAPERS.items()
            ),
            letters=(CaseLetter("We got it", "Demo-Nobody", "de", ("Danke.",), viewer.now),),
            tables=(Table("Payments", ("When", "How much"), (("today", "5"),)), Table("Nothing", ("Column",), ())),
            actions=tuple(self._actions(case, viewer)),
        )

    def _actions(self, case: Case, viewer: Viewer) -> Sequence[Action]:
        if not standard.may_work(viewer):
            return []
        reason = Field("reason", "textarea", "Why?", with_text_blocks=True)
        found = []
        for step in REQUESTS.actions(case.state, viewer.actor.roles):
            if not step.four_eyes:
                found.append(Action(step.action, step.action.capitalize(), (reason,)))
            elif case.proposal is None:
                found.append(Action(f"propose-{step.action}", f"Propose {step.action}", (reason,)))
            elif step in case.actions(viewer.actor):
                found.append(Action(f"confirm-{step.action}", f"Confirm {step.action}"))
        return [*found, *standard.about_assignment(case, viewer), standard.note(viewer)]

    async def act(self, tx: Tx, case_id: UUID, version: int, action: str, form: Filled, viewer: Viewer) -> None:
        case = await cases.get(tx, case_id, REQUESTS)
        if case.version != version:
            raise PreconditionFailedError("somebody was faster")
        actor, now, text = viewer.actor, viewer.now, form.text("text")
        if action == standard.NOTE:
            if text == "wrong":
                raise MistakesError({"text": "Write something else."})
            case.note(text, actor, now)
        elif action == standard.TAKE_OVER:
            case.assign(actor.subject, actor, now)
        elif action == standard.HAND_OVER:
            case.assign(form.text("assignee"), actor, now)
            case.note(text or "handed over", actor, now)
        elif action == standard.RETURN_TO_POOL:
            case.assign(None, actor, now)
        elif action.startswith("propose-"):
            case.propose(action.removeprefix("propose-"), actor, now, reason=form.text("reason"))
        else:
            case.take(action.removeprefix("confirm-"), actor, now, reason=form.text("reason"))
        await cases.save(tx, case)

    async def conditions(self, tx: Tx, viewer: Viewer) -> Sequence[Condition]:
        return [Condition("The cellar", "dry", "success", ("dusty",))]

    # for tests

    async def request(
        self,
        database: Database,
        name: str = "Demo-Nobody",
        *,
        applicant_id: UUID = APPLICANT,
        assignee: str | None = None,
        due_in: int | None = None,
    ) -> UUID:
        """Somebody asks; returns the case. `due_in` working days from today, where something is due."""
        async with database.transaction() as tx:
            now = tx.clock.now()
            case = Case.open(
                REQUESTS,
                case_id=new_id(),
                reference=await cases.next_reference(tx, REQUESTS, 2026),
                applicant_id=applicant_id,
                now=now,
            )
            if due_in is not None:
                case.start_period("check", tx.clock.today(), working_days(due_in), now=now)
            if assignee:
                case.assign(assignee, CITIZEN, now)
            case.charge(Fee("bread", 500, "Demo-Brotsatzung"))
            await cases.add(tx, case)
        self.names[case.case_id] = name
        return case.case_id


class Settings(DocumentSettings):
    """Those of every service with documents."""


class RequestsService(Service):
    """It is not installed, so its version stands here."""

    @property
    def version(self) -> str:
        return "1.2.3"


def made(desk: RequestsDesk, migrations: Path) -> Service:
    """The service, with its desk."""
    return RequestsService(
        name="requests",
        title="Requests",
        published=(),
        routers=(),
        readers=(Reader("portal.requests.applications", group="requests.applications"),),
        settings=Settings,
        migrations=migrations,
        web=desk_of(desk, Path(__file__).parent / "languages"),
    )
