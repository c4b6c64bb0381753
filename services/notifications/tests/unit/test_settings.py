"""What a deployment may not get wrong."""

from typing import Any

import pytest
from amtsbus.settings import Environment
from notifications.settings import NotificationsSettings
from pydantic import ValidationError


def _settings(**values: Any) -> NotificationsSettings:
    defaults = {"database_url": "postgresql://localhost/x", "environment": Environment.DEVELOPMENT}
    return NotificationsSettings.load("notifications", **(defaults | values))


def test_a_mail_server_on_loopback_needs_no_tls() -> None:
    assert not _settings(smtp_host="127.0.0.1").smtp_start_tls
    assert not _settings(smtp_host="::1").smtp_start_tls


def test_any_other_mail_server_is_spoken_to_over_tls() -> None:
    assert _settings(smtp_host="mail.example.org", smtp_port=587).smtp_start_tls
    implicit = _settings(smtp_host="mail.example.org", smtp_port=465)
    assert implicit.smtp_implicit_tls
    assert not implicit.smtp_start_tls


@pytest.mark.parametrize(
    "wrong",
    [
        {"smtp_host": "mail.example.org", "smtp_starttls": False},
        {"smtp_username": "amt", "smtp_password": "secret"},
        {"smtp_host": "mail.example.org", "smtp_username": "amt"},
        {"email_lease_seconds": 10, "smtp_timeout_seconds": 30},
        {"sender_address": "amt@example.org\nBcc: all@example.org"},
        {"environment": Environment.PRODUCTION},
        {"environment": Environment.PRODUCTION, "sender_address": "amt@example.org"},
    ],
)
def test_what_cannot_be_meant_is_refused_at_the_start(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        _settings(**wrong)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFICATIONS_SMTP_HOST", "mail.example.org")
    monkeypatch.setenv("NOTIFICATIONS_SMTP_PORT", "587")
    monkeypatch.setenv("NOTIFICATIONS_EMAIL_ATTEMPTS", "3")
    settings = _settings()
    assert (settings.smtp_host, settings.smtp_port, settings.email_attempts) == ("mail.example.org", 587, 3)
