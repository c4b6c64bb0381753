"""Compatibility: what may change inside a version of an event, and whether a reader's own model fits a contract.

The rule inside a version is short: a new optional field, and words (descriptions, examples, titles). Everything else is a
new version, and not only for the sake of today's readers: the journal keeps every event for ever and replays it, so the
schema of a version has to describe its first event as well as its last. Hence a change that looks harmless in one
direction (a field that becomes required, a list of values that gets shorter) is refused too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from amtsbus.contracts.schemas import Schema, inlined

Path = tuple[str, ...]

_WORDS = frozenset(
    {
        "$schema",
        "$id",
        "$comment",
        "$defs",
        "title",
        "description",
        "examples",
        "default",
        "deprecated",
        "readOnly",
        "writeOnly",
    }
)
_STRUCTURE = frozenset(
    {"type", "enum", "const", "properties", "required", "items", "additionalProperties", "anyOf", "oneOf"}
)
_LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")


@dataclass(frozen=True)
class Change:
    """One difference that readers would notice: where, and what."""

    path: Path
    what: str

    def __str__(self) -> str:
        return f"{dotted(self.path)} {self.what}"


@dataclass(frozen=True)
class Misfit:
    """One point in which a reader's model asks for more than the contract promises."""

    path: Path
    why: str

    def __str__(self) -> str:
        return f"{dotted(self.path)} {self.why}"


def dotted(path: Path) -> str:
    """`("address", "street")` as `address.street`, an item of a list as `documents[]`."""
    return ".".join(path).replace(".[]", "[]") or "the event"


def incompatible_changes(released: Schema, present: Schema) -> list[Change]:
    """The differences from `released` to `present` that need a new version; empty if the version may stay."""
    return list(_changes(inlined(released), inlined(present), ()))


def _changes(old: Schema, new: Schema, path: Path) -> Iterator[Change]:
    old_branches, new_branches = _branches(old), _branches(new)
    old_null, new_null = _takes_null(old_branches), _takes_null(new_branches)
    if new_null and not old_null:
        yield Change(path, "may now be null")
    if old_null and not new_null:
        yield Change(path, "may no longer be null, but events in the journal are")
    olds = [branch for branch in old_branches if branch.get("type") != "null"]
    news = [branch for branch in new_branches if branch.get("type") != "null"]
    for branch in list(olds):
        same = next((other for other in news if not list(_simple_changes(branch, other, path))), None)
        if same is not None:
            olds.remove(branch)
            news.remove(same)
    if len(olds) == len(news):
        for branch, other in zip(olds, news, strict=True):
            yield from _simple_changes(branch, other, path)
        return
    for branch in olds:
        yield Change(path, f"can no longer be {_named(branch)}, but events in the journal are")
    for branch in news:
        yield Change(path, f"can now also be {_named(branch)}")


def _simple_changes(old: Schema, new: Schema, path: Path) -> Iterator[Change]:
    if old.get("type") != new.get("type"):
        yield Change(path, f"is now {_named(new)}, was {_named(old)}")
        return
    yield from _changed_values(old, new, path)
    yield from _changed_fields(old, new, path)
    for keyword in ("items", "additionalProperties"):
        before, after = old.get(keyword), new.get(keyword)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _changes(before, after, (*path, "[]"))
        elif isinstance(before, dict) or isinstance(after, dict):
            yield Change(path, f"{keyword} is now {_named(after)}, was {_named(before)}")
    for keyword in sorted((old.keys() | new.keys()) - _STRUCTURE - _WORDS):
        if keyword.startswith("x-"):
            continue
        if keyword == "discriminator":
            continue
        if old.get(keyword) != new.get(keyword):
            yield Change(path, f"has {keyword} {_quoted(new.get(keyword))}, had {_quoted(old.get(keyword))}")


def _changed_values(old: Schema, new: Schema, path: Path) -> Iterator[Change]:
    before, after = _values(old), _values(new)
    if before is None and after is None:
        return
    if before is None or after is None:
        closed = "is now a closed list of values" if before is None else "is no longer a closed list of values"
        yield Change(path, closed)
        return
    if added := [value for value in after if value not in before]:
        yield Change(path, f"can now also be {_listed(added)}")
    if removed := [value for value in before if value not in after]:
        yield Change(path, f"can no longer be {_listed(removed)}, but events in the journal are")


def _changed_fields(old: Schema, new: Schema, path: Path) -> Iterator[Change]:
    before, after = old.get("properties", {}), new.get("properties", {})
    was_required, is_required = set(old.get("required", ())), set(new.get("required", ()))
    for name in before:
        where = (*path, name)
        if name not in after:
            yield Change(where, "is removed")
            continue
        yield from _changes(before[name], after[name], where)
        if name in was_required and name not in is_required:
            yield Change(where, "was always there and may now be absent")
        if name in is_required and name not in was_required:
            yield Change(where, "is now required, but events in the journal may lack it")
    for name in after:
        if name not in before and name in is_required:
            yield Change((*path, name), "is new and required, but events in the journal lack it; give it a default")


def misfits(published: Schema, consumed: Schema) -> list[Misfit]:
    """Where a reader's model (`consumed`) would refuse or not find what the contract (`published`) allows."""
    return list(_misfits(inlined(published), inlined(consumed), ()))


def _misfits(published: Schema, consumed: Schema, path: Path) -> Iterator[Misfit]:
    accepted = _branches(consumed)
    for branch in _branches(published):
        if branch.get("type") == "null":
            if not any(other.get("type") in (None, "null") and _values(other) is None for other in accepted):
                yield Misfit(path, "may be null, which the reader does not accept")
            continue
        attempts = [list(_simple_misfits(branch, other, path)) for other in accepted if other.get("type") != "null"]
        if not attempts:
            yield Misfit(path, f"is {_named(branch)}, but the reader accepts null only")
        elif all(attempts):
            yield from min(attempts, key=len)


def _simple_misfits(published: Schema, consumed: Schema, path: Path) -> Iterator[Misfit]:
    expected = consumed.get("type")
    if expected is None and _values(consumed) is None:
        return
    given = published.get("type")
    if expected is not None and given != expected and not (given == "integer" and expected == "number"):
        yield Misfit(path, f"is {_named(published)}, but the reader expects {_named(consumed)}")
        return
    accepted, possible = _values(consumed), _values(published)
    if accepted is not None:
        if possible is None:
            yield Misfit(path, f"is not a closed list in the contract, but the reader accepts only {_listed(accepted)}")
        elif unknown := [value for value in possible if value not in accepted]:
            yield Misfit(path, f"can be {_listed(unknown)}, which the reader does not know")
    yield from _tighter_rules(published, consumed, path)
    yield from _missing_fields(published, consumed, path)
    items = consumed.get("items")
    if isinstance(items, dict):
        yield from _misfits(published.get("items", {}), items, (*path, "[]"))
    values = consumed.get("additionalProperties")
    if isinstance(values, dict) and isinstance(published.get("additionalProperties"), dict):
        yield from _misfits(published["additionalProperties"], values, (*path, "[]"))


def _tighter_rules(published: Schema, consumed: Schema, path: Path) -> Iterator[Misfit]:
    if _values(published) is not None:
        return  # the values themselves have been compared
    for keyword in ("format", "pattern"):
        if keyword in consumed and published.get(keyword) != consumed[keyword]:
            yield Misfit(path, f"has no {keyword} {consumed[keyword]!r} in the contract, which the reader expects")
    for keyword in _LOWER_BOUNDS:
        if keyword in consumed and published.get(keyword, float("-inf")) < consumed[keyword]:
            yield Misfit(path, f"has no {keyword} {consumed[keyword]} in the contract, which the reader expects")
    for keyword in _UPPER_BOUNDS:
        if keyword in consumed and published.get(keyword, float("inf")) > consumed[keyword]:
            yield Misfit(path, f"has no {keyword} {consumed[keyword]} in the contract, which the reader expects")
    if consumed.get("uniqueItems") and not published.get("uniqueItems"):
        yield Misfit(path, "may repeat an item, which the reader does not accept")


def _missing_fields(published: Schema, consumed: Schema, path: Path) -> Iterator[Misfit]:
    offered, always = published.get("properties", {}), set(published.get("required", ()))
    for name, field in consumed.get("properties", {}).items():
        where = (*path, name)
        if name not in offered:
            yield Misfit(where, "is no field of the event")
            continue
        if name in consumed.get("required", ()) and name not in always:
            yield Misfit(where, "may be absent, but the reader requires it")
        yield from _misfits(offered[name], field, where)


def is_used(path: Path, consumed: Schema) -> bool:
    """Whether a reader's model has the field at `path`, or something around it that it does not look into."""
    return _is_used(path, inlined(consumed))


def _is_used(path: Path, schema: Schema) -> bool:
    if not path:
        return True
    first, rest = path[0], path[1:]
    for branch in _branches(schema):
        if first == "[]":
            inner = branch.get("items", branch.get("additionalProperties"))
            if isinstance(inner, dict) and _is_used(rest, inner):
                return True
        elif "properties" in branch:
            if first in branch["properties"] and _is_used(rest, branch["properties"][first]):
                return True
        elif branch.get("type") in (None, "object"):
            return True  # a mapping or anything at all: it may look at every field
    return False


def _branches(schema: Schema) -> list[Schema]:
    """The alternatives of a schema, flattened; one without alternatives is its own only one."""
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            return [branch for part in schema[keyword] for branch in _branches(part)]
    if isinstance(schema.get("type"), list):
        return [{**schema, "type": kind} for kind in schema["type"]]
    return [schema]


def _takes_null(branches: list[Schema]) -> bool:
    return any(branch.get("type") == "null" for branch in branches)


def _values(schema: Schema) -> list[Any] | None:
    """The closed list of values of a schema, or None."""
    if "const" in schema:
        return [schema["const"]]
    values: list[Any] | None = schema.get("enum")
    return values


def _named(schema: Any) -> str:
    if not isinstance(schema, dict):
        return "nothing" if schema is None else str(schema)
    name = str(schema.get("type", "anything"))
    return f"{name} ({schema['format']})" if "format" in schema else name


def _quoted(value: Any) -> str:
    return "none" if value is None else repr(value)


def _listed(values: list[Any]) -> str:
    return ", ".join(repr(value) for value in values)
