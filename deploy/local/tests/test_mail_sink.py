"""The mail sink, as a service sends to it and as somebody looks at it: a real process, by SMTP and HTTP."""

import asyncio
import smtplib
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest
from amtsbus.testing.servers import free_ports


@contextmanager
def running_sink(state: Path) -> Iterator[tuple[int, str]]:
    """A sink of its own; yields its SMTP port and its address."""
    smtp, http = free_ports(2)
    ports = ["--smtp-port", str(smtp), "--http-port", str(http)]
    process = subprocess.Popen([sys.executable, "-m", "town.mail", *ports, "--state", str(state)])
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{http}/readyz").raise_for_status()
                break
            except httpx.HTTPError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise
                time.sleep(0.1)
        yield smtp, f"http://127.0.0.1:{http}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str]]:
    with running_sink(tmp_path_factory.mktemp("mail")) as running:
        yield running


@pytest.fixture
async def mailbox(sink: tuple[int, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=sink[1]) as client:
        await client.delete("/messages")
        yield client


def mail_to(
    *recipients: str, subject: str = "Sie haben eine neue Nachricht", text: str = "Grüße aus dem Rathaus"
) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "stadt@demo.example"
    message["To"] = ", ".join(recipients)
    message["Subject"] = subject
    message.set_content(text)
    return message


async def send(message: EmailMessage, port: int) -> None:
    def deliver() -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as smtp:
            smtp.send_message(message)

    await asyncio.to_thread(deliver)


async def test_a_mail_can_be_read_by_programs_and_by_people(sink: tuple[int, str], mailbox: httpx.AsyncClient) -> None:
    await send(mail_to("anna@demo.example", subject="Größe <b>"), sink[0])

    [summary] = (await mailbox.get("/messages")).json()
    assert summary["to"] == ["anna@demo.example"]
    assert summary["subject"] == "Größe <b>"
    whole = (await mailbox.get(f"/messages/{summary['id']}")).json()
    assert whole["text"].strip() == "Grüße aus dem Rathaus"
    assert ["To", "anna@demo.example"] in whole["headers"]

    page = await mailbox.get("/")
    assert "Größe &lt;b&gt;" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "Grüße aus dem Rathaus" in (await mailbox.get(f"/mails/{summary['id']}")).text


async def test_the_mailbox_can_be_narrowed_to_one_recipient_and_emptied(
    sink: tuple[int, str], mailbox: httpx.AsyncClient
) -> None:
    await send(mail_to("anna@demo.example"), sink[0])
    await send(mail_to("ben@demo.example"), sink[0])

    to_ben = (await mailbox.get("/messages", params={"to": "BEN@demo.example"})).json()
    assert [mail["to"] for mail in to_ben] == [["ben@demo.example"]]

    assert (await mailbox.delete("/messages")).status_code == 204
    assert (await mailbox.get("/messages")).json() == []
    assert "No mail yet" in (await mailbox.get("/")).text


@pytest.mark.parametrize(("recipient", "code"), [("bounce-1@demo.example", 550), ("later@demo.example", 451)])
async def test_some_recipients_are_refused_so_that_bounces_can_be_watched(
    sink: tuple[int, str], mailbox: httpx.AsyncClient, recipient: str, code: int
) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        await send(mail_to(recipient), sink[0])

    assert refused.value.recipients[recipient][0] == code
    assert (await mailbox.get("/messages")).json() == []


async def test_mails_survive_a_restart_and_broken_files_do_not_matter(tmp_path: Path) -> None:
    with running_sink(tmp_path) as (smtp, _):
        await send(mail_to("anna@demo.example"), smtp)
    (tmp_path / "half-written.json").write_text('{"mail_id": "x"')

    with running_sink(tmp_path) as (_, address):
        async with httpx.AsyncClient(base_url=address) as mailbox:
            mails = (await mailbox.get("/messages")).json()
    assert [mail["to"] for mail in mails] == [["anna@demo.example"]]


async def test_what_is_not_there_is_said_to_be_not_there(mailbox: httpx.AsyncClient) -> None:
    assert (await mailbox.get("/messages/nothing")).status_code == 404
    assert (await mailbox.get("/mails/nothing")).status_code == 404
