"""One conversation with the mail server (SMTP, RFC 5321), step by step, so that it is known how far it came.

Up to the recipient nothing can have been delivered. From the first byte of content on, only the server's answer tells.
"""

import contextlib
import ssl
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from uuid import UUID

import aiosmtplib

from notifications.domain.addressee import Language
from notifications.domain.delivery import Outcome
from notifications.rendering import email_text
from notifications.settings import NotificationsSettings


class MailServerAwayError(Exception):
    """The mail server cannot be reached or does not let us in. Carries the kind of failure, never its text."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one e-mail, and the server's reply code where there was one."""

    outcome: Outcome
    code: int | None = None


def message_id_header(message_id: UUID, sender_address: str) -> str:
    """The Message-ID of a message's e-mail: the same each time, so that a second copy can be recognised."""
    return f"<{message_id}@{sender_address.rpartition('@')[2]}>"


def compose(
    message_id: UUID,
    recipient: str,
    language: Language,
    *,
    city: str,
    inbox_url: str,
    sender_address: str,
    now: datetime,
) -> EmailMessage:
    """The e-mail that says that a message is waiting, and where: no name, no reference, no content."""
    text = email_text(language, city=city, inbox_url=inbox_url)
    email = EmailMessage(policy=SMTP_POLICY)
    email["From"] = sender_address
    email["To"] = recipient
    email["Subject"] = text.subject
    email["Date"] = format_datetime(now)
    email["Message-ID"] = message_id_header(message_id, sender_address)
    email["Content-Language"] = language
    email["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office replies, please
    email.set_content(text.body, cte="quoted-printable")
    return email


class MailServer:
    """One connection to the mail server, opened when needed and used for many e-mails, one after the other."""

    def __init__(self, settings: NotificationsSettings) -> None:
        self._settings = settings
        self._smtp: aiosmtplib.SMTP | None = None

    async def connect(self) -> None:
        """See to it that there is a living connection.

        Raises:
            MailServerAwayError: there is none to be had.
        """
        if self._smtp is not None:
            try:
                await self._smtp.noop()
            except (aiosmtplib.SMTPException, OSError):
                self._drop()
            else:
                return
        settings = self._settings
        encrypted = settings.smtp_implicit_tls or settings.smtp_start_tls
        smtp = aiosmtplib.SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_username,
            password=settings.smtp_password.get_secret_value() if settings.smtp_password else None,
            timeout=settings.smtp_timeout_seconds,
            use_tls=settings.smtp_implicit_tls,
            start_tls=settings.smtp_start_tls,
            tls_context=ssl.create_default_context(cafile=settings.smtp_ca_file) if encrypted else None,
        )
        try:
            await smtp.connect()
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            smtp.close()
            raise MailServerAwayError(type(error).__name__) from None
        self._smtp = smtp

    async def hand_over(self, email: EmailMessage) -> Answer:
        """Hand over one e-mail.

        A permanent refusal (5yz) counts against the recipient only where it answers the recipient or the content; one
        of our own address is our mistake, which we can mend.

        Returns:
            what became of it; nothing is raised for what a mail server says or a network does.
        """
        smtp = self._smtp
        if smtp is None:
            return Answer(Outcome.DEFERRED)
        try:
            await smtp.mail(str(email["From"]))
            await smtp.rcpt(str(email["To"]))
        except aiosmtplib.SMTPRecipientRefused as error:
            await self._reset()
            return Answer(Outcome.REFUSED if error.code >= 500 else Outcome.DEFERRED, error.code)
        except aiosmtplib.SMTPResponseException as error:
            await self._reset()
            return Answer(Outcome.DEFERRED, error.code)
        except (aiosmtplib.SMTPException, OSError):
            self._drop()
            return Answer(Outcome.DEFERRED)
        try:
            reply = await smtp.data(email.as_bytes())
        except aiosmtplib.SMTPDataError as error:
            await self._reset()
            return Answer(Outcome.REFUSED if error.code >= 500 else Outcome.DEFERRED, error.code)
        except (aiosmtplib.SMTPException, OSError):
            self._drop()
            return Answer(Outcome.UNKNOWN)
        return Answer(Outcome.ACCEPTED, reply.code)

    async def close(self) -> None:
        """Say goodbye, if there is a connection."""
        if self._smtp is not None:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await self._smtp.quit(timeout=2)
            self._drop()

    async def _reset(self) -> None:
        """Forget the half-begun e-mail, so that the connection is good for the next."""
        if self._smtp is not None:
            try:
                await self._smtp.rset()
            except (aiosmtplib.SMTPException, OSError):
                self._drop()

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None
