"""Paying: to the provider and back. What counts is the provider's signed answer, however it comes and however often."""

import json
from uuid import UUID

from amtsbus.errors import NotFoundError, RuleViolationError
from amtsbus.http import InRecordingTx, InTx
from amtsbus.postgres import Tx
from amtsbus.web import PageVisit, Visit, machines, pages, visitors
from starlette.responses import Response

from portal.domain.payment import Answer, Outcome, Payment, UnsignedAnswerError
from portal.pages.whom import not_theirs, owner_of, require_level, settings_of
from portal.providers import DevelopmentProvider, provider_of
from portal.store import applications, payments, procedures
from portal.use_cases.begin_payment import BeginPayment, begin_payment
from portal.use_cases.confirm_payment import ConfirmPayment, confirm_payment

router = pages()


@router.post("/mine/{application_id}/pay", dependencies=[visitors()])
async def post_pay(application_id: UUID, visit: Visit, tx: InTx) -> Response:
    """Begin to pay all that is owed."""
    _provider(visit)
    await _require_theirs(visit, application_id, tx)
    try:
        payment = await begin_payment(BeginPayment(owner_of(visit), application_id), tx)
    except RuleViolationError as error:
        visit.notice(f"rule.{error.code}", kind="info")
        return visit.go(f"/mine/{application_id}")
    return visit.go(f"/payments/{payment.payment_id}")


async def _require_theirs(visit: PageVisit, application_id: UUID, tx: Tx) -> None:
    try:
        application = await applications.get(tx, application_id, owner_of(visit))
    except NotFoundError as error:
        raise not_theirs(visit, error) from None
    if application.applicant.person_id is not None:
        require_level(visit, (await procedures.get(tx, application.procedure, application.version)).declared)


@router.get("/payments/return", dependencies=[visitors()])
async def get_return(visit: Visit, tx: InRecordingTx) -> Response:
    """Back from the provider."""
    payment, answer = await _answered(visit, tx, dict(visit.request.query_params))
    visit.notice(f"payment.{answer.outcome}", kind="success" if answer.outcome is Outcome.PAID else "info")
    return visit.go(f"/mine/{payment.application_id}")


@router.post("/payments/notices", dependencies=[machines()])
async def post_notice(visit: Visit, tx: InTx) -> Response:
    """The provider's own word, which comes whether or not the browser ever returns."""
    try:
        told = json.loads(await visit.body())
    except ValueError:
        told = None
    if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
        return Response(status_code=400)
    await _answered(visit, tx, told)
    return Response(status_code=204)


async def _answered(visit: PageVisit, tx: Tx, values: dict[str, str]) -> tuple[Payment, Answer]:
    """The payment that a signed answer is about; if it was paid, it is now.

    Raises:
        NotFoundError: the provider has not signed it, or there is no such payment.
    """
    try:
        answer = _provider(visit).answer(values)
    except UnsignedAnswerError:
        raise NotFoundError("There is no such payment.") from None
    if answer.outcome is Outcome.PAID:
        return await confirm_payment(ConfirmPayment(answer.payment_id, answer.amount_cents), tx), answer
    return await payments.get(tx, answer.payment_id), answer


@router.get("/payments/development", dependencies=[visitors()])
async def get_development(visit: Visit) -> Response:
    """The development provider's own page: pay, or cancel."""
    try:
        order = _provider(visit).order(dict(visit.request.query_params))
    except UnsignedAnswerError:
        raise NotFoundError("There is no such order.") from None
    return visit.render(
        "payments/development.html", order=order, query=visit.request.url.query, amount_cents=int(order["amount_cents"])
    )


@router.post("/payments/development", dependencies=[visitors()])
async def post_development(visit: Visit) -> Response:
    """What somebody has decided there."""
    provider = _provider(visit)
    form = await visit.form()
    try:
        order = provider.order(dict(visit.request.query_params))
    except UnsignedAnswerError:
        raise NotFoundError("There is no such order.") from None
    outcome = Outcome.PAID if form.text("outcome") == Outcome.PAID else Outcome.CANCELLED
    return visit.go(provider.return_address(order, outcome))


@router.get("/payments/{payment_id}", dependencies=[visitors()])
async def get_payment(payment_id: UUID, visit: Visit, tx: InTx) -> Response:
    """Before somebody leaves for the provider: how much, for what, and to whom."""
    provider = _provider(visit)
    payment = await payments.get(tx, payment_id)
    await _require_theirs(visit, payment.application_id, tx)
    if payment.paid_at is not None:
        return visit.go(f"/mine/{payment.application_id}")
    return visit.render("payments/payment.html", payment=payment, provider=provider, address=provider.address(payment))


def _provider(visit: PageVisit) -> DevelopmentProvider:
    """The provider.

    Raises:
        NotFoundError: there is none here, so neither are these pages.
    """
    provider = provider_of(settings_of(visit))
    if provider is None:
        raise NotFoundError("Fees are not paid here.")
    return provider
