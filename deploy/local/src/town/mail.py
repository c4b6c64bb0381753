"""The mail sink: takes every mail by SMTP, delivers none, and shows them as a page and as JSON.

Two kinds of recipients are refused, so that bounces can be watched: a local part that begins with `bounce` for good
(550), one that begins with `later` for the time being (451).

    python -m town.mail --smtp-port 2525 --http-port 8025 --state .town/mail
"""

import argparse
import asyncio
import contextlib
import email
import email.policy
import html
import json
import signal
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from amtsbus.ids import new_id
from amtsbus.testing.servers import write_atomically
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

KEPT = 2_000
"""So many mails are kept unless the command line says otherwise; the oldest leave first."""
MAIL_LIMIT_BYTES = 1_000_000


@dataclass(frozen=True)
class Mail:
    """One mail as it arrived. `raw` is the message itself, `recipients` the envelope's."""

    mail_id: str
    arrived_at: str
    sender: str
    recipients: list[str]
    raw: str

    def parsed(self) -> EmailMessage:
        message = email.message_from_bytes(self.raw.encode(), policy=email.policy.default)
        assert isinstance(message, EmailMessage)  # noqa: S101 - what the default policy makes, for the type checker
        return message

    def summary(self) -> dict[str, Any]:
        """What a list shows."""
        return {
            "id": self.mail_id,
            "arrived_at": self.arrived_at,
            "from": self.sender,
            "to": self.recipients,
            "subject": str(self.parsed().get("Subject", "")),
        }

    def whole(self) -> dict[str, Any]:
        """Everything."""
        message = self.parsed()
        return self.summary() | {
            "headers": [[name, str(value)] for name, value in message.items()],
            "text": _text_of(message),
            "raw": self.raw,
        }


def _text_of(message: EmailMessage) -> str:
    body = message.get_body(preferencelist=("plain", "html"))
    if body is None:
        return ""
    try:
        return str(body.get_content())
    except (LookupError, UnicodeError):  # a character set that nobody knows
        return str(body.get_payload())


@dataclass
class Mailbox:
    """The mails of the town, newest first, in memory and in `folder`; what lies there is read at the start."""

    folder: Path
    kept: int = KEPT
    mails: "OrderedDict[str, Mail]" = field(default_factory=OrderedDict)

    def load(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for file in sorted(self.folder.glob("*.json"))[-self.kept :]:
            with contextlib.suppress(OSError, ValueError, TypeError):  # a half-written file is no mail
                mail = Mail(**json.loads(file.read_text()))
                self.mails[mail.mail_id] = mail

    def add(self, mail: Mail) -> None:
        write_atomically(self.folder / f"{mail.mail_id}.json", json.dumps(asdict(mail)))
        self.mails[mail.mail_id] = mail
        while len(self.mails) > self.kept:
            oldest, _ = self.mails.popitem(last=False)
            (self.folder / f"{oldest}.json").unlink(missing_ok=True)

    def list(self, recipient: str | None = None) -> list[Mail]:
        mails = list(reversed(self.mails.values()))
        if recipient is None:
            return mails
        return [mail for mail in mails if recipient.lower() in (to.lower() for to in mail.recipients)]

    def clear(self) -> None:
        for mail_id in self.mails:
            (self.folder / f"{mail_id}.json").unlink(missing_ok=True)
        self.mails.clear()


class Reception:
    """The SMTP side; the method names are aiosmtpd's."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        local_part = address.partition("@")[0].lower()
        if local_part.startswith("bounce"):
            return "550 5.1.1 There is no such mailbox"
        if local_part.startswith("later"):
            return "451 4.3.0 The mailbox cannot take anything at the moment"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        content = envelope.content or b""
        raw = content if isinstance(content, str) else content.decode(errors="surrogateescape")
        self.mailbox.add(
            Mail(
                mail_id=str(new_id()),
                arrived_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
                sender=envelope.mail_from or "",
                recipients=list(envelope.rcpt_tos),
                raw=raw.encode(errors="surrogateescape").decode(errors="replace"),
            )
        )
        return "250 OK: kept, not delivered"


def application(mailbox: Mailbox) -> Starlette:
    """The HTTP side: `/messages` (JSON; `?to=` filters), `/messages/{id}`, `DELETE /messages`, and the page `/`."""

    async def list_messages(request: Request) -> Response:
        return JSONResponse([mail.summary() for mail in mailbox.list(request.query_params.get("to"))])

    async def delete_messages(_: Request) -> Response:
        mailbox.clear()
        return Response(status_code=204)

    async def show_message(request: Request) -> Response:
        mail = mailbox.mails.get(request.path_params["mail_id"])
        if mail is None:
            return JSONResponse({"title": "There is no such mail", "status": 404}, status_code=404)
        return JSONResponse(mail.whole())

    async def list_page(request: Request) -> Response:
        return _page("Mailbox", _list_html(mailbox.list(request.query_params.get("to"))))

    async def mail_page(request: Request) -> Response:
        mail = mailbox.mails.get(request.path_params["mail_id"])
        if mail is None:
            return _page("No such mail", "<p>There is no such mail (any more).</p>", status=404)
        return _page(str(mail.summary()["subject"]), _mail_html(mail))

    async def alive(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[
            Route("/", list_page),
            Route("/mails/{mail_id}", mail_page),
            Route("/messages", list_messages),
            Route("/messages", delete_messages, methods=["DELETE"]),
            Route("/messages/{mail_id}", show_message),
            Route("/livez", alive),
            Route("/readyz", alive),
        ]
    )


def _page(title: str, content: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(
        f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>
<body><header><a href="/">Mailbox of the town</a></header><main>{content}</main></body></html>""",
        status_code=status,
        headers={"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"},
    )


def _list_html(mails: list[Mail]) -> str:
    if not mails:
        return "<h1>No mail yet</h1><p>Every mail that the town sends ends here. None leaves this machine.</p>"
    rows = "".join(
        f'<tr><td class="when">{html.escape(mail.arrived_at[:19].replace("T", " "))}</td>'
        f'<td><a href="/?to={html.escape(mail.recipients[0] if mail.recipients else "")}">'
        f"{html.escape(', '.join(mail.recipients))}</a></td>"
        f'<td><a href="/mails/{mail.mail_id}">{html.escape(str(mail.summary()["subject"]) or "(no subject)")}</a></td></tr>'
        for mail in mails
    )
    return (
        f"<h1>{len(mails)} mails</h1><table><thead><tr><th>Arrived (UTC)</th><th>To</th><th>Subject</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def _mail_html(mail: Mail) -> str:
    whole = mail.whole()
    return (
        f"<h1>{html.escape(str(whole['subject']) or '(no subject)')}</h1><dl>"
        f"<dt>From</dt><dd>{html.escape(mail.sender)}</dd><dt>To</dt><dd>{html.escape(', '.join(mail.recipients))}</dd>"
        f"<dt>Arrived</dt><dd>{html.escape(mail.arrived_at)}</dd></dl><pre>{html.escape(str(whole['text']))}</pre>"
        f"<details><summary>As it was sent</summary><pre>{html.escape(mail.raw)}</pre></details>"
    )


_STYLE = """
:root { color-scheme: light dark; --line: #8884; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; }
header { padding: .8rem 1.5rem; border-bottom: 1px solid var(--line); font-weight: 600; }
header a { color: inherit; text-decoration: none; }
main { max-width: 62rem; margin: 0 auto; padding: 1rem 1.5rem 3rem; }
h1 { font-size: 1.4rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .45rem .8rem .45rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.when { white-space: nowrap; font-variant-numeric: tabular-nums; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
dt { font-weight: 600; } dd { margin: 0; }
pre { white-space: pre-wrap; padding: 1rem; border: 1px solid var(--line); border-radius: .4rem; }
"""


@contextlib.asynccontextmanager
async def _receiving(mailbox: Mailbox, port: int) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(
            Reception(mailbox), data_size_limit=MAIL_LIMIT_BYTES, enable_SMTPUTF8=True, hostname="mail.town", loop=loop
        ),
        host="127.0.0.1",
        port=port,
    )
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()


async def serve(smtp_port: int, http_port: int, state: Path, kept: int = KEPT) -> None:
    """Take and show mail until the process is asked to end."""
    mailbox = Mailbox(state, kept)
    mailbox.load()
    pages = uvicorn.Server(
        uvicorn.Config(application(mailbox), host="127.0.0.1", port=http_port, log_level="warning", access_log=False)
    )
    async with _receiving(mailbox, smtp_port):
        await pages.serve()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m town.mail", description="Take every mail, deliver none, show them."
    )
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--kept", type=int, default=KEPT, help="so many mails are kept; the oldest leave first")
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(arguments.smtp_port, arguments.http_port, arguments.state, arguments.kept))


if __name__ == "__main__":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    main()
