"""Who takes payments: what the portal asks of a payment provider, and one for development that moves no money."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import urlencode

from portal.domain.payment import OF_ORDER, Answer, Outcome, Payment, answer_of, require_signature, signed
from portal.settings import PortalSettings

PAYING: Final = "/payments/development"
"""Where the development provider's own page is."""
RETURNING: Final = "/payments/return"
"""Where a provider sends the browser back to, with its signed answer."""


class PaymentProvider(Protocol):
    """A payment provider as the portal sees it: the browser goes there and comes back with a signed answer.

    The provider also sends the same answer by itself (`POST /payments/notices`), so a browser that never comes back loses
    nothing. Both may come, and each more than once: a payment counts once.
    """

    name: str

    def address(self, payment: Payment) -> str:
        """Where the browser goes to pay: a path of ours, or an https address."""
        ...

    def answer(self, values: Mapping[str, str]) -> Answer:
        """What an answer says.

        Raises:
            UnsignedAnswerError: it is not the provider's.
        """
        ...


@dataclass(frozen=True)
class DevelopmentProvider:
    """Lets whoever sits at the browser decide whether the payment works. Refused in production."""

    secret: bytes
    name: str = "Demo-Bezahldienst"

    def address(self, payment: Payment) -> str:
        """See `PaymentProvider`."""
        order = {"payment": str(payment.payment_id), "amount_cents": str(payment.amount_cents)}
        return f"{PAYING}?{urlencode(signed(order, self.secret))}"

    def order(self, values: Mapping[str, str]) -> dict[str, str]:
        """What it was asked to take, when its page is opened.

        Raises:
            UnsignedAnswerError: the portal has not asked for it.
        """
        return require_signature(values, self.secret, OF_ORDER)

    def return_address(self, order: Mapping[str, str], outcome: Outcome) -> str:
        """Where its page sends the browser when somebody has decided."""
        return f"{RETURNING}?{urlencode(self.signed_answer(order, outcome))}"

    def signed_answer(self, order: Mapping[str, str], outcome: Outcome) -> dict[str, str]:
        """What it answers."""
        return signed({**order, "outcome": outcome.value}, self.secret)

    def answer(self, values: Mapping[str, str]) -> Answer:
        """See `PaymentProvider`."""
        return answer_of(values, self.secret)


def provider_of(settings: PortalSettings) -> DevelopmentProvider | None:
    """The provider that the settings name; None where fees are paid by bank transfer only."""
    if settings.payment_provider == "none":
        return None
    return DevelopmentProvider(settings.payment_secret.get_secret_value().encode())
