"""CEL as a procedure file uses it: `form`, `computed` and `today` are known, and a few functions about days.

An unanswered field is not in `form`. What depends on it has no value: a condition is then not fulfilled, a check does not
apply. CEL's own rules make the rest: `a || b` is true when one side is, whatever the other one lacks.

Days are text such as `2026-11-24`; they compare as days do.
"""

import logging
import re
import sys
from calendar import monthrange
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from functools import lru_cache
from types import ModuleType
from typing import Any, Final

from amtsbus.procedures.declaration import ComputedValue

# The package brings its command line along, with a library for terminals: 8 MB in every process that reads a procedure.
sys.modules.setdefault("cel.cli", ModuleType("cel.cli"))
import cel  # noqa: E402 - see above

Values = Mapping[str, Any]

FUNCTIONS: Final = ("age_on", "days_between", "days_after", "months_after", "sum")
"""What procedure files know beside CEL's own functions."""
VARIABLES: Final = ("form", "computed", "today")

_OF_CEL = re.compile(
    "size|contains|startsWith|endsWith|matches|int|uint|double|string|bytes|type|dyn|duration|timestamp|getFullYear|getMonth|"
    "getDate|getDayOfMonth|getDayOfWeek|getDayOfYear|getHours|getMinutes|getSeconds|getMilliseconds"
)
_OWN_NAMES = re.compile(r"\.(?:all|exists|exists_one|filter|map)\(\s*(\w+)\s*,")
_TEXTS = re.compile(r"\"[^\"]*\"|'[^']*'")
_FIELD = re.compile(r"\b(form|computed)\.([a-z][a-z0-9_]*)")

# It would log the answers with which a function fails; the error says enough.
logging.getLogger("cel").setLevel(logging.CRITICAL)


class ConditionError(ValueError):
    """The text is not CEL, or asks for something that procedure files do not know."""


class NoValueError(LookupError):
    """The condition depends on a field that was not answered."""


@lru_cache(maxsize=4096)
def compiled(source: str) -> Any:
    """The program of a condition.

    Raises:
        ConditionError: it is not CEL, or uses a name that does not exist.
    """
    try:
        program = cel.compile(source)
    except ValueError as error:
        raise ConditionError(f"this is not CEL: {str(error).splitlines()[0]}") from None
    own = set(_OWN_NAMES.findall(source))
    if unknown := sorted(set(program.variables()) - own - set(VARIABLES)):
        raise ConditionError(f"{unknown[0]!r} is not known; conditions know {', '.join(VARIABLES)}")
    called = {name for name in program.functions() if name[0].isalpha()}  # the others are operators
    if missing := sorted(name for name in called - set(FUNCTIONS) if not _OF_CEL.fullmatch(name)):
        raise ConditionError(
            f"there is no function {missing[0]!r}; beside those of CEL there are {', '.join(FUNCTIONS)}"
        )
    return program


def asked_for(source: str) -> tuple[frozenset[str], frozenset[str]]:
    """The fields and the computed values that a condition names."""
    found = _FIELD.findall(_TEXTS.sub("", source))
    return (
        frozenset(name for kind, name in found if kind == "form"),
        frozenset(name for kind, name in found if kind == "computed"),
    )


def evaluate(source: str, form: Values, *, today: date, computed: Values | None = None) -> Any:
    """The value of a condition.

    Raises:
        NoValueError: it depends on a field that was not answered.
        ConditionError: it cannot be evaluated: kinds that do not go together, a function that does not exist.
    """
    program = compiled(source)
    context = cel.Context()
    context.add_variable("form", dict(form))
    context.add_variable("computed", dict(computed or {}))
    context.add_variable("today", today.isoformat())
    for name, function in _FUNCTIONS.items():
        context.add_function(name, function)
    try:
        return program.execute(context)
    except LookupError as error:
        raise NoValueError(f"{error.args[0]} was not answered") from None
    except (TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        raise ConditionError(f"{source!r} cannot be evaluated: {str(error).splitlines()[0]}") from None


def computed_values(declared: Iterable[ComputedValue], form: Values, *, today: date) -> dict[str, Any]:
    """What follows from the answers; without those that depend on what was not answered."""
    values: dict[str, Any] = {}
    for one in declared:
        try:
            values[one.key] = evaluate(one.value, form, today=today, computed=values)
        except NoValueError:
            continue
    return values


def holds(source: str | None, form: Values, *, today: date, computed: Values | None = None) -> bool:
    """Whether a condition is fulfilled: one that is not given is, one that depends on an unanswered field is not.

    Raises:
        ConditionError: it cannot be evaluated, or is neither true nor false.
    """
    if source is None:
        return True
    try:
        value = evaluate(source, form, today=today, computed=computed)
    except NoValueError:
        return False
    if not isinstance(value, bool):
        raise ConditionError(f"{source!r} gives {value!r}, which is neither true nor false")
    return value


def day(source: str | None, form: Values, *, today: date) -> date | None:
    """The day that a condition gives; None where it is not given, or depends on an unanswered field.

    Raises:
        ConditionError: it cannot be evaluated, or gives no day.
    """
    if source is None:
        return None
    try:
        value = evaluate(source, form, today=today)
    except NoValueError:
        return None
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ConditionError(f"{source!r} gives {value!r}, which is not a day") from None


def is_required(required: bool | str, form: Values, *, today: date) -> bool:
    """Whether something must be answered that is required always, never, or under a condition."""
    return required if isinstance(required, bool) else holds(required, form, today=today)


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _age_on(birth_date: str, day: str) -> int:
    born, on = _day(birth_date), _day(day)
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def _days_between(first: str, second: str) -> int:
    return (_day(second) - _day(first)).days


def _days_after(day: str, count: int) -> str:
    return (_day(day) + timedelta(days=count)).isoformat()


def _months_after(day: str, count: int) -> str:
    start = _day(day)
    year, month = divmod(start.year * 12 + start.month - 1 + count, 12)
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1])).isoformat()


def _sum(numbers: list[Any]) -> Any:
    return sum(numbers)


_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = dict(
    zip(FUNCTIONS, (_age_on, _days_between, _days_after, _months_after, _sum), strict=True)
)
