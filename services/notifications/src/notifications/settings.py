"""What differs between two deployments of this service."""

import ipaddress
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Self

from amtsbus.service import Running
from amtsbus.settings import Environment, Settings
from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

IMPLICIT_TLS_PORT = 465
"""Submission over TLS from the first byte (RFC 8314 § 3.3)."""

_PLACEHOLDER_DOMAIN = "stadt.invalid"


class NotificationsSettings(Settings):
    """All are read with the prefix NOTIFICATIONS_."""

    smtp_host: str = Field("127.0.0.1", description="The mail server that takes our e-mails")
    smtp_port: int = Field(25, ge=1, le=65535, description="465 means TLS from the first byte")
    smtp_starttls: bool | None = Field(None, description="Default: yes, unless the server is on loopback")
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_ca_file: Path | None = Field(None, description="Certificates to trust; default: those of the system")
    smtp_timeout_seconds: float = Field(30.0, gt=0, description="How long to wait for each answer of the mail server")
    smtp_connections: int = Field(2, ge=1, le=20, description="Connections per worker; each sends one e-mail at a time")
    sender_address: str = Field(f"noreply@{_PLACEHOLDER_DOMAIN}", pattern=r"^[!-?A-~]+@[!-?A-~]+$")
    inbox_url: str = Field(f"https://portal.{_PLACEHOLDER_DOMAIN}/postfach", description="Where the inbox is read")
    address_wait_minutes: float = Field(
        60.0, gt=0, description="How long a letter waits for its addressee's address before the inbox has to be enough"
    )
    email_poll_seconds: float = Field(0.5, gt=0, description="How often an idle connection looks for e-mails")
    email_batch: int = Field(20, ge=1, le=500, description="E-mails claimed at once")
    email_lease_seconds: float = Field(
        300.0, gt=0, description="How long a sender may keep an e-mail without an outcome"
    )
    email_attempts: int = Field(
        24, ge=1, description="Attempts until an e-mail has finally failed; default: about three days"
    )
    email_backoff_seconds: float = Field(60.0, gt=0, description="Pause before the second attempt; doubles each time")
    email_backoff_limit_seconds: float = Field(14_400.0, gt=0, description="The longest pause between two attempts")

    @property
    def smtp_implicit_tls(self) -> bool:
        return self.smtp_port == IMPLICIT_TLS_PORT

    @property
    def smtp_start_tls(self) -> bool:
        """Whether the connection is made secure after it begins (STARTTLS, RFC 3207)."""
        if self.smtp_implicit_tls:
            return False
        return not _is_loopback(self.smtp_host) if self.smtp_starttls is None else self.smtp_starttls

    @property
    def email_backoff(self) -> timedelta:
        return timedelta(seconds=self.email_backoff_seconds)

    @property
    def email_backoff_limit(self) -> timedelta:
        return timedelta(seconds=self.email_backoff_limit_seconds)

    @model_validator(mode="after")
    def _check_mail(self) -> Self:
        encrypted = self.smtp_implicit_tls or self.smtp_start_tls
        if not encrypted and not _is_loopback(self.smtp_host):
            raise ValueError("NOTIFICATIONS_SMTP_STARTTLS=false is for a mail server on loopback; others need TLS")
        if self.smtp_username is not None and not (encrypted and self.smtp_password is not None):
            raise ValueError("NOTIFICATIONS_SMTP_USERNAME needs NOTIFICATIONS_SMTP_PASSWORD, and TLS to carry it")
        if self.email_lease_seconds < 5 * self.smtp_timeout_seconds:
            # MAIL, RCPT, DATA and content are one wait each; the fifth is for recording
            raise ValueError(
                "NOTIFICATIONS_EMAIL_LEASE_SECONDS must be at least five times NOTIFICATIONS_SMTP_TIMEOUT_SECONDS"
            )
        if self.environment is Environment.PRODUCTION:
            for name in ("sender_address", "inbox_url"):
                if _PLACEHOLDER_DOMAIN in getattr(self, name):
                    raise ValueError(f"NOTIFICATIONS_{name.upper()} must be set in production")
        return self


def own_settings(running: Running) -> NotificationsSettings:
    """The settings of the worker that runs a task of this service."""
    if not isinstance(running.settings, NotificationsSettings):
        raise TypeError("this task needs the settings of notifications")
    return running.settings


class Letterhead(BaseSettings):
    """What every letter says about the city that writes it; read with the prefix NOTIFICATIONS_."""

    model_config = SettingsConfigDict(env_prefix="NOTIFICATIONS_", extra="ignore", frozen=True)

    city: str = Field("Stadt Leverkusen", min_length=1, description="Who writes")
    court: str = Field(
        "Verwaltungsgericht Köln, Appellhofplatz, 50667 Köln",
        min_length=1,
        description="The administrative court with its seat, as VwGO § 58 (1) asks of the note on legal remedies",
    )


@cache
def letterhead() -> Letterhead:
    """The letterhead of this process, read once. An event's handler gets nothing but its transaction, hence from here."""
    return Letterhead()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
