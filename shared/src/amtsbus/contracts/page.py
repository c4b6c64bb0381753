"""The AsyncAPI document as one page for people: topics, purpose, legal basis, events and their fields.

Self-contained: no script, nothing from outside, and a content security policy that allows its own style sheet alone.
"""

import json
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from html import escape
from typing import Any

from amtsbus.contracts.schemas import Schema

_STYLE = """
:root {
  color-scheme: light dark;
  --ink: #1c2733; --paper: #fff; --faint: #5a6875; --line: #d8dfe6; --tint: #f3f6f9; --accent: #0b5394;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e4eaf0; --paper: #14191f; --faint: #9fb0c0; --line: #33404d; --tint: #1c242d; --accent: #82b8ee;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 74rem; padding: 2rem 1.25rem 6rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, "Segoe UI", "Liberation Sans", sans-serif; }
a { color: var(--accent); }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.35rem; margin: 3rem 0 .5rem; padding-top: 1rem; border-top: 3px solid var(--accent); overflow-wrap: anywhere; }
h3 { font-size: 1.05rem; margin: 2rem 0 .25rem; overflow-wrap: anywhere; }
p { max-width: 48rem; margin: .5rem 0; }
.faint { color: var(--faint); }
nav ul { columns: 2 22rem; padding-left: 1.2rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; margin: 1rem 0; padding: 1rem;
  background: var(--tint); border-radius: .4rem; }
dt { color: var(--faint); }
dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .75rem 0; font-size: .93rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--faint); font-weight: 600; }
td:last-child { overflow-wrap: anywhere; }
code, pre { font-family: ui-monospace, "Cascadia Mono", "Liberation Mono", monospace; font-size: .88em; }
td:first-child code { white-space: nowrap; }
pre { background: var(--tint); padding: .8rem 1rem; border-radius: .4rem; overflow-x: auto; }
summary { cursor: pointer; color: var(--accent); }
.tag { display: inline-block; padding: 0 .5rem; border: 1px solid currentColor; border-radius: 1rem; font-size: .8rem;
  color: var(--accent); vertical-align: .1em; }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .6rem; } }
"""

CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'"
)
"""What the page needs: send it as a header too, where `frame-ancestors 'none'` can be added (a `meta` element cannot)."""

_PERSONAL_DATA = {
    "none": "none",
    "pseudonymous": "pseudonymous: ids only",
    "ordinary": "ordinary personal data",
    "special": "special categories (GDPR Art. 9)",
}


def render(asyncapi: dict[str, Any]) -> str:
    """The page for an AsyncAPI document as `amtsbus.contracts.asyncapi.document` makes it."""
    info = asyncapi["info"]
    title = f"{info['title']}: events"
    operations = asyncapi["operations"].values()
    sent = [operation for operation in operations if operation["action"] == "send"]
    received = [operation for operation in operations if operation["action"] == "receive"]
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(CONTENT_SECURITY_POLICY)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        "</head>",
        "<body>",
        "<header>",
        f"<h1>{escape(title)}</h1>",
        f'<p class="faint">Version {escape(info["version"])} · AsyncAPI {escape(asyncapi["asyncapi"])} · '
        '<a href="asyncapi.json">asyncapi.json</a></p>',
        f"<p>{escape(info.get('description', ''))}</p>",
        "</header>",
        *_contents(sent, received),
        "<main>",
    ]
    for operation in (*sent, *received):
        parts += _operation(operation, asyncapi)
    parts += [*_envelope(asyncapi), "</main>", "</body>", "</html>"]
    return "\n".join(parts) + "\n"


def _contents(sent: list[dict[str, Any]], received: list[dict[str, Any]]) -> Iterator[str]:
    yield "<nav aria-label='Contents'>"
    for heading, operations in (("Publishes", sent), ("Reads", received)):
        yield f"<p><strong>{heading}</strong></p>"
        if not operations:
            yield '<p class="faint">nothing</p>'
            continue
        yield "<ul>"
        for operation in operations:
            for reference in operation["messages"]:
                message = _last(reference["$ref"])
                yield f'<li><a href="#{_anchor(operation, message)}">{escape(message)}</a></li>'
        yield "</ul>"
    yield "</nav>"


def _operation(operation: dict[str, Any], asyncapi: dict[str, Any]) -> Iterator[str]:
    channel = asyncapi["channels"][_last(operation["channel"]["$ref"])]
    sends = operation["action"] == "send"
    yield "<section>"
    yield f'<h2>{escape(channel["address"])} <span class="tag">{"published" if sends else "read"}</span></h2>'
    yield f"<p>{escape(operation['summary'])}</p>"
    yield "<dl>"
    for name, value in _facts(operation, channel):
        yield f"<dt>{escape(name)}</dt><dd>{value}</dd>"
    yield "</dl>"
    for reference in operation["messages"]:
        message = asyncapi["components"]["messages"][_last(reference["$ref"])]
        yield f'<article id="{_anchor(operation, message["name"])}">'
        yield f"<h3><code>{escape(message['name'])}</code></h3>"
        yield f"<p>{escape(message['summary'])}</p>"
        if not sends:
            yield '<p class="faint">The fields that this service uses:</p>'
        yield from _fields_table(message["payload"])
        for example in message.get("examples", ()):
            yield "<details><summary>Example</summary>"
            yield f"<pre>{escape(json.dumps(example['headers'], indent=2, ensure_ascii=False))}</pre>"
            yield f"<pre>{escape(json.dumps(example['payload'], indent=2, ensure_ascii=False))}</pre></details>"
        yield "</article>"
    yield "</section>"


def _facts(operation: dict[str, Any], channel: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Names (plain) and values (HTML)."""
    kafka = channel["bindings"]["kafka"]
    if operation["action"] == "receive":
        yield "Purpose of the topic", escape(channel["x-purpose"])
        yield "Consumer group", f"<code>{escape(operation['bindings']['kafka']['groupId']['const'])}</code>"
        yield "Owner", escape(channel["x-owner"])
    yield "Legal basis", escape(channel["x-legal-basis"])
    yield "Personal data", escape(_PERSONAL_DATA.get(channel["x-personal-data"], channel["x-personal-data"]))
    yield "Key", f"<code>{escape(channel['x-key'])}</code>, {kafka['partitions']} partitions"
    kept = "kept for ever" if channel["x-retention"] == "forever" else f"kept for {channel['x-retention']}"
    compacted = "only the latest event of each key stays; " if channel["x-cleanup"] == "compact" else ""
    yield "Retention", escape(f"{compacted}{kept}")
    if operation["action"] == "send":
        readers = [
            f"{escape(r['service'])} (<code>{escape(r['group'])}</code>): {escape(r['purpose'])}"
            for r in channel["x-readers"]
        ]
        yield "Readers", "<br>".join(readers) or "none yet"


def _fields_table(schema: Schema) -> Iterator[str]:
    rows = list(_fields(schema, ""))
    if not rows:
        yield '<p class="faint">No fields.</p>'
        return
    yield '<div class="scroll"><table><thead><tr><th>Field</th><th>Type</th><th>Meaning</th><th>Example</th></tr></thead><tbody>'
    for path, field, required in rows:
        examples = field.get("examples") or ([field["const"]] if "const" in field else [])
        example = f"<code>{escape(_compact(examples[0]))}</code>" if examples else ""
        optional = "" if required else ' <span class="faint">(optional)</span>'
        yield (
            f"<tr><td><code>{escape(path)}</code>{optional}</td><td>{escape(_type(field))}</td>"
            f"<td>{escape(field.get('description', ''))}</td><td>{example}</td></tr>"
        )
    yield "</tbody></table></div>"


def _fields(schema: Schema, prefix: str) -> Iterator[tuple[str, Schema, bool]]:
    for name, field in schema.get("properties", {}).items():
        yield f"{prefix}{name}", field, name in schema.get("required", ())
        for inner, suffix in _inner(field):
            yield from _fields(inner, f"{prefix}{name}{suffix}.")


def _inner(field: Schema) -> Iterator[tuple[Schema, str]]:
    for branch in field.get("anyOf") or field.get("oneOf") or [field]:
        if "properties" in branch:
            yield branch, ""
        elif isinstance(branch.get("items"), dict):
            for item, suffix in _inner(branch["items"]):
                yield item, f"[]{suffix}"


def _type(schema: Schema) -> str:
    """A field's type in words: `string (uuid)`, `list of string`, `"main" or "secondary"`, `… or null`."""
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            return " or ".join(_type(branch) for branch in schema[keyword])
    if "const" in schema:
        return json.dumps(schema["const"], ensure_ascii=False)
    if "enum" in schema:
        return " or ".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"])
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return f"{kind} ({schema['format']})" if "format" in schema else kind


def _envelope(asyncapi: dict[str, Any]) -> Iterator[str]:
    messages = list(asyncapi["components"]["messages"].values())
    if not messages:
        return
    headers = messages[0]["headers"]
    yield "<section><h2>Headers of every event</h2>"
    yield '<div class="scroll"><table><thead><tr><th>Header</th><th>Type</th><th>Meaning</th></tr></thead><tbody>'
    for name, field in headers["properties"].items():
        optional = "" if name in headers["required"] else ' <span class="faint">(optional)</span>'
        kind = _type({keyword: value for keyword, value in field.items() if keyword != "const"})
        yield (
            f"<tr><td><code>{escape(name)}</code>{optional}</td><td>{escape(kind)}</td>"
            f"<td>{escape(field.get('description', ''))}</td></tr>"
        )
    yield "</tbody></table></div></section>"


def _anchor(operation: dict[str, Any], message: str) -> str:
    return escape(f"{operation['action']}.{message}")


def _compact(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _last(reference: str) -> str:
    return reference.rsplit("/", 1)[1]
