"""Holding the code against its contracts, the list of topics and the readers of all installed services.

The committed files in `services/<service>/contracts` are the released contract: what is on the main branch may have
subscribers from the moment it is there. They change through `generate` alone, which refuses what would break a subscriber.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from amtsbus.contracts.comparison import Change, Misfit, dotted, incompatible_changes, is_used, misfits
from amtsbus.contracts.files import generated_files
from amtsbus.contracts.places import EXAMPLE_SUFFIX, SCHEMA_SUFFIX, released_example, released_schema
from amtsbus.contracts.schemas import ContractError, Schema, example_of, gaps_in, reader_schema_of, schema_of
from amtsbus.events import Published
from amtsbus.reader import Reader, Subscription
from amtsbus.replay_requests import ReplayRequests, topic_of
from amtsbus.service import Service
from amtsbus.topics import Topic, fits

_SHOWN_DIFFERENCES = 8


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a service's contracts: what it is about, what is wrong, and details, line by line."""

    service: str
    about: str
    problem: str
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join([f"{self.service}: {self.about} {self.problem}", *(f"    {line}" for line in self.details)])


def check(service: Service, topics: Mapping[str, Topic], installed: Iterable[Service]) -> list[Finding]:
    """Everything that is wrong with the contracts of `service`; empty if nothing is.

    Args:
        topics: the city's topics by name.
        installed: all services whose readers count as subscribers.
    """
    findings = [
        *_declarations(service, topics),
        *_readers(service, topics),
        *_replay_requests(service, topics),
        *_broken_subscribers(service, installed),
    ]
    if not any(finding for finding in findings if finding.about in {event.event_type for event in service.published}):
        findings += _drift(service, topics)
    return findings


def generate(
    service: Service, topics: Mapping[str, Topic], installed: Iterable[Service], *, unreleased: Collection[str] = ()
) -> tuple[list[Path], list[Finding]]:
    """Write the contracts of `service`, unless that would break a subscriber or an event is incomplete.

    Args:
        unreleased: event types that nobody outside this working tree knows yet: their contracts may be replaced or removed,
            as long as every installed reader still fits.

    Returns:
        The files that were written or removed, and the findings because of which nothing was.
    """
    findings = [*_declarations(service, topics), *_broken_subscribers(service, installed, unreleased)]
    if findings:
        return [], findings
    folder = service.contracts
    folder.mkdir(exist_ok=True)
    changed = []
    files = generated_files(service, dict(topics))
    for name, text in files.items():
        file = folder / name
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            changed.append(file)
    for file in sorted(folder.glob("*.json")):
        if file.name not in files:
            file.unlink()
            changed.append(file)
    return changed, []


def _declarations(service: Service, topics: Mapping[str, Topic]) -> Iterator[Finding]:
    """What the service publishes, held against the rules for declarations and the list of topics."""
    seen: set[str] = set()
    for event in service.published:
        if event.event_type in seen:
            yield Finding(service.package, event.event_type, "is declared twice")
        seen.add(event.event_type)
        if not event.event_type.startswith(f"{service.package}."):
            yield Finding(service.package, event.event_type, f"must begin with {service.package}.")
        yield from _event(service, event, topics.get(event.topic))
    owned = {name for name, topic in topics.items() if topic.owner == service.name}
    unused = {name for name in owned if not any(fits(name, event.topic) for event in service.published)}
    for name in sorted(unused):
        yield Finding(
            service.package, name, "is owned by this service in deploy/topics.yaml, but nothing is published there"
        )


def _event(service: Service, event: type[Published], topic: Topic | None) -> Iterator[Finding]:
    if topic is None:
        yield Finding(
            service.package, event.event_type, f"is published on {event.topic}, which is not in deploy/topics.yaml"
        )
        return
    if topic.owner != service.name:
        yield Finding(
            service.package, event.event_type, f"is published on {event.topic}, which belongs to {topic.owner}"
        )
    if gaps := gaps_in(event):
        yield Finding(service.package, event.event_type, "does not explain itself:", tuple(gaps))
        return
    try:
        example_of(event, topic.key)
    except ContractError as error:
        yield Finding(service.package, event.event_type, "has no valid example:", tuple(error.gaps))


def _readers(service: Service, topics: Mapping[str, Topic]) -> Iterator[Finding]:
    """What the service reads, held against the list of topics and the publishers' committed contracts."""
    declared = set()
    for reader in service.readers:
        declared.add((reader.topic, reader.group))
        topic = topics.get(reader.topic)
        if topic is None:
            yield Finding(service.package, reader.group, f"reads {reader.topic}, which is not in deploy/topics.yaml")
            continue
        if not any(listed.service == service.name and listed.group == reader.group for listed in topic.readers):
            yield Finding(
                service.package,
                reader.group,
                f"reads {reader.topic}, but deploy/topics.yaml does not list it there as a reader with its purpose",
            )
        if reader.compacted != (topic.cleanup == "compact"):
            yield Finding(
                service.package,
                reader.group,
                f"must be declared with compacted={topic.cleanup == 'compact'}, as {topic.name} is",
            )
        if not reader.handlers:
            yield Finding(service.package, reader.group, f"reads {reader.topic}, but handles no event")
        for event_type, subscription in sorted(reader.handlers.items()):
            yield from _subscription(service, reader, event_type, subscription, topic)
    for topic in topics.values():
        for listed in topic.readers:
            if listed.service == service.name and (topic.name, listed.group) not in declared:
                yield Finding(
                    service.package,
                    listed.group,
                    f"is listed as a reader of {topic.name} in deploy/topics.yaml, but does not read",
                )


def _replay_requests(service: Service, topics: Mapping[str, Topic]) -> Iterator[Finding]:
    """Whoever reads a topic of this service and asks for replays is answered, for these topics and no others."""
    answered = {reader.asker: reader.topics for reader in service.readers if isinstance(reader, ReplayRequests)}
    read: dict[str, set[str]] = {}
    for topic in topics.values():
        if topic.owner == service.name and topic.name != topic_of(service.name):
            for listed in topic.readers:
                read.setdefault(listed.service, set()).add(topic.name)
    for asker in sorted(answered.keys() | {name for name in read if topic_of(name) in topics}):
        if (may_ask := sorted(answered.get(asker, ()))) != (may_read := sorted(read.get(asker, ()))):
            yield Finding(
                service.package,
                topic_of(asker),
                "is not answered as deploy/topics.yaml lists readers:",
                (
                    f"{asker} reads {', '.join(may_read) or 'nothing here'}",
                    f"answered_by({service.name!r}, {asker}=[…]) has {', '.join(may_ask) or 'nothing'}",
                ),
            )


def _subscription(
    service: Service, reader: Reader, event_type: str, subscription: Subscription, topic: Topic
) -> Iterator[Finding]:
    name = subscription.model.__name__
    publisher = service.contracts.parents[1] / event_type.partition(".")[0] / "contracts"
    schema, example = released_schema(publisher, event_type), released_example(publisher, event_type)
    if schema is None or example is None:
        yield Finding(
            service.package,
            f"{reader.group} ({name})",
            f"reads {event_type}, of which {topic.owner} has no contract: "
            f"is the type right, and has `amtsbus contracts generate {topic.owner}` been run?",
        )
        return
    if not fits(reader.topic, schema.get("x-topic", "")):
        yield Finding(
            service.package,
            f"{reader.group} ({name})",
            f"waits for {event_type}, which is published on {schema.get('x-topic')}",
        )
    found = [str(misfit) for misfit in misfits(schema, reader_schema_of(subscription.model))]
    if not found:
        try:
            subscription.model.model_validate_json(json.dumps(example["value"]))
        except ValidationError as error:
            found = [f"{dotted(tuple(map(str, e['loc'])))}: {e['msg']}" for e in error.errors(include_input=False)]
    if found:
        yield Finding(
            service.package, f"{reader.group} ({name})", f"does not fit the contract of {event_type}:", tuple(found)
        )


def _broken_subscribers(
    service: Service, installed: Iterable[Service], unreleased: Collection[str] = ()
) -> Iterator[Finding]:
    """Incompatible changes inside a version since the contract was committed, with the subscribers that would break."""
    folder = service.contracts
    installed = list(installed)
    published = {event.event_type: event for event in service.published}
    for event_type, event in published.items():
        released = released_schema(folder, event_type)
        if released is None:
            continue
        present = schema_of(event)
        changes = _changes_of(released, present)
        losers = list(_subscribers(installed, event_type, changes, present))
        if changes and not (event_type in unreleased and not any(loser.broken for loser in losers)):
            yield Finding(
                service.package,
                event_type,
                "has changed in a way that its version does not allow:",
                (*map(str, changes), *_told(losers), _remedy(event_type)),
            )
    for file in sorted(folder.glob(f"*{SCHEMA_SUFFIX}")):
        event_type = f"{service.package}.{file.name.removesuffix(SCHEMA_SUFFIX)}"
        if event_type in published:
            continue
        losers = list(_subscribers(installed, event_type, [Change((), "is removed")], None))
        if event_type not in unreleased or losers:
            yield Finding(
                service.package,
                event_type,
                "has a contract, but is no longer published:",
                (
                    *_told(losers),
                    "Publish it until nobody reads it any more; then: "
                    f"amtsbus contracts generate {service.package} --unreleased {event_type}",
                ),
            )


def _changes_of(released: Schema, present: Schema) -> list[Change]:
    changes = incompatible_changes(released, present)
    if released.get("x-topic") != present.get("x-topic"):
        changes.insert(0, Change((), f"moves from topic {released.get('x-topic')} to {present.get('x-topic')}"))
    return changes


@dataclass(frozen=True)
class _Loser:
    """A subscriber that a change hits: the changed fields that its own model uses, and where it would refuse the event."""

    service: str
    group: str
    handler: str
    fields: tuple[str, ...]
    broken: tuple[Misfit, ...]


def _subscribers(
    installed: Iterable[Service], event_type: str, changes: list[Change], present: Schema | None
) -> Iterator[_Loser]:
    for service in installed:
        for reader in service.readers:
            subscription = reader.handlers.get(event_type)
            if subscription is None:
                continue
            needed = reader_schema_of(subscription.model)
            broken = tuple(misfits(present, needed)) if present else ()
            hit = [change.path or (name,) for change in changes for name in _own_fields(change, needed)]
            fields = tuple(dict.fromkeys(dotted(path) for path in [*hit, *(misfit.path for misfit in broken)]))
            if fields:
                yield _Loser(service.name, reader.group, subscription.handler.__name__, fields, broken)


def _own_fields(change: Change, needed: Schema) -> list[str]:
    """The reader's fields that a change hits: all of them if it hits the whole event."""
    if change.path:
        return [dotted(change.path)] if is_used(change.path, needed) else []
    return list(needed.get("properties", {})) or ["(no field)"]


def _told(losers: list[_Loser]) -> list[str]:
    if not losers:
        return ["No installed service uses it; subscribers elsewhere may."]
    return [
        f"{loser.service} would miss {', '.join(loser.fields)} (group {loser.group}, {loser.handler})"
        for loser in losers
    ]


def _remedy(event_type: str) -> str:
    stem, _, number = event_type.rpartition(".v")
    return (
        f"Keep the version as it was, or publish {stem}.v{int(number) + 1} beside it. "
        f"If nobody outside this working tree has seen it yet: amtsbus contracts generate --unreleased {event_type}"
    )


def _drift(service: Service, topics: Mapping[str, Topic]) -> Iterator[Finding]:
    folder = service.contracts
    remedy = f"Run: amtsbus contracts generate {service.package}"
    if not any(folder.glob("*.json")):
        yield Finding(service.package, "contracts/", "is empty.", (remedy,))
        return
    files = generated_files(service, dict(topics))
    for name, text in files.items():
        file = folder / name
        if not file.exists():
            yield Finding(service.package, f"contracts/{name}", "is missing.", (remedy,))
        elif (committed := file.read_text(encoding="utf-8")) != text:
            yield Finding(
                service.package, f"contracts/{name}", "is not what the code says:", (*_summary(committed, text), remedy)
            )
    for file in sorted(folder.glob("*.json")):
        # the contract of an event that is no longer published has a finding of its own
        of_an_event = file.name.endswith((SCHEMA_SUFFIX, EXAMPLE_SUFFIX))
        if file.name not in files and not of_an_event:
            yield Finding(service.package, f"contracts/{file.name}", "belongs to nothing.", (remedy,))


def _summary(committed: str, generated: str) -> list[str]:
    try:
        differences = list(_differences(json.loads(committed), json.loads(generated), ""))
    except ValueError:
        return ["the committed file is not JSON"]
    shown = differences[:_SHOWN_DIFFERENCES]
    if len(differences) > len(shown):
        shown.append(f"… and {len(differences) - len(shown)} more differences")
    return shown or ["the same content in another layout"]


def _differences(committed: Any, generated: Any, path: str) -> Iterator[str]:
    if isinstance(committed, dict) and isinstance(generated, dict):
        for name in [*committed, *(name for name in generated if name not in committed)]:
            where = f"{path}/{name}"
            if name not in generated:
                yield f"- {where}"
            elif name not in committed:
                yield f"+ {where}"
            else:
                yield from _differences(committed[name], generated[name], where)
    elif isinstance(committed, list) and isinstance(generated, list) and len(committed) == len(generated):
        for index, (before, after) in enumerate(zip(committed, generated, strict=True)):
            yield from _differences(before, after, f"{path}/{index}")
    elif committed != generated:
        yield f"~ {path}: {_short(committed)} is now {_short(generated)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}…"


__all__ = ["Finding", "check", "generate"]
