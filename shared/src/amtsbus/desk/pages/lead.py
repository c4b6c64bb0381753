"""What a lead looks at: workload, ages and deadlines at a glance, and what is overdue."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from amtsbus.auth import Role
from amtsbus.desk import work_list
from amtsbus.desk.charts import BarChart, bar_chart
from amtsbus.desk.department import Department, Viewer
from amtsbus.desk.discretion import hidden_from
from amtsbus.desk.due import due_in_words
from amtsbus.desk.pages.viewing import viewer_of
from amtsbus.desk.work_list import Due, Scope, Wanted
from amtsbus.desk.workload import AGES, Workload, due_limits, workload
from amtsbus.http import InRecordingTx
from amtsbus.postgres import Tx
from amtsbus.web import Visit, pages, staff


def router_of(department: Department) -> APIRouter:
    """The page."""
    router = pages(prefix="/lead")

    @router.get("", dependencies=[staff(Role.LEAD)])
    async def get_lead(visit: Visit, tx: InRecordingTx) -> Response:
        """Everything at a glance."""
        await work_list.one_snapshot(tx)
        viewer = await viewer_of(visit, tx)
        counted = await workload(tx)
        return visit.render(
            "desk/lead.html",
            counted=counted,
            load=_loads(counted, viewer),
            ages=_ages(counted, viewer),
            due=_due(counted, viewer),
            overdue=await _overdue(tx, department, viewer),
        )

    return router


def _loads(counted: Workload, viewer: Viewer) -> BarChart:
    return bar_chart(
        [
            (
                viewer.say("desk.pool") if load.assignee is None else viewer.name_of(load.assignee),
                load.open,
                load.overdue,
            )
            for load in counted.loads
        ]
    )


def _ages(counted: Workload, viewer: Viewer) -> BarChart:
    limits = (0, *AGES)
    names = [
        viewer.say("desk.lead.age", least=least, below=below) for least, below in zip(limits, AGES, strict=False)
    ] + [viewer.say("desk.lead.older", least=AGES[-1])]
    return bar_chart([(name, cases, 0) for name, cases in zip(names, counted.ages, strict=True)])


def _due(counted: Workload, viewer: Viewer) -> BarChart:
    say = viewer.say
    weeks = due_limits(viewer.today)[1:-2]
    names = [
        say("desk.lead.overdue"),
        say("desk.lead.this_week"),
        *(say("desk.lead.week", number=monday.isocalendar().week) for monday in weeks),
        say("desk.lead.later"),
        say("desk.due.nothing"),
    ]
    return bar_chart(
        [
            (name, cases, cases if nth == 0 else 0)
            for nth, (name, cases) in enumerate(zip(names, counted.due, strict=True))
        ]
    )


async def _overdue(tx: Tx, department: Department, viewer: Viewer) -> list[dict[str, Any]]:
    hidden = tuple(await hidden_from(tx, department, viewer))
    page = await work_list.work_list(tx, Wanted(Scope.TEAM, due=Due.OVERDUE, hidden=hidden))
    words = await department.in_words(tx, page.cases, viewer)
    return [
        {
            "case": case,
            "words": words[case.case_id],
            "due": due_in_words(case.due_on, viewer.today, viewer.say),
            "assignee": viewer.say("desk.pool") if case.assignee is None else viewer.name_of(case.assignee),
        }
        for case in page.cases
    ]
