"""The pages of a desk."""

from fastapi import APIRouter

from amtsbus.desk.department import Department
from amtsbus.desk.pages import absence, audit, cases, documents, lead, lists, live, operations, texts


def routers_of(department: Department) -> tuple[APIRouter, ...]:
    """All of them."""
    return (
        lists.router_of(department),
        live.router_of(department),
        documents.router_of(department),
        cases.router_of(department),
        absence.router_of(),
        texts.router_of(),
        lead.router_of(department),
        audit.router_of(department),
        operations.router_of(department),
    )
