"""The schedule of a campaign: which fault begins when. Nothing but a seed decides it, so a seed plays it again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from tests.proof.targets import CITY, Targets

Parameters = dict[str, float | str]

MARGIN_SECONDS = 6.0
"""What was hurt needs about so long to serve again; until then it is left alone where something else can be hurt."""
ATTEMPTS = 12


@dataclass(frozen=True)
class Planned:
    """One fault: `kind` happens to `target` at `at_seconds` after the beginning, and ends `seconds` later."""

    number: int
    at_seconds: float
    kind: str
    target: str
    parameters: Parameters = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return float(self.parameters.get("seconds", 0.0))

    def __str__(self) -> str:
        told = ", ".join(
            f"{name} {value:.2f}" if isinstance(value, float) else f"{name} {value}"
            for name, value in self.parameters.items()
        )
        return f"{self.at_seconds:7.1f} s  #{self.number:<3} {self.kind} {self.target}{f' ({told})' if told else ''}"


@dataclass(frozen=True)
class Draft:
    """What a kind of fault proposes: whom to hurt, how, and what nobody else should touch meanwhile."""

    target: str
    parameters: Parameters
    holds: frozenset[str]


class Kind:
    """One kind of fault, as the schedule sees it."""

    name: str = ""
    weight: float = 1.0

    @classmethod
    def draft(cls, rng: Random, targets: Targets) -> Draft:
        """Choose a target and parameters."""
        raise NotImplementedError


def schedule(
    seed: int,
    faults: int,
    minutes: float,
    *,
    kinds: Sequence[type[Kind]],
    targets: Targets = CITY,
    left_out: Sequence[str] = (),
) -> list[Planned]:
    """So many faults, spread over so many minutes, in the order of their beginning.

    The same arguments give the same schedule. The first faults are of every kind once, in random order; after them the
    kinds come by their weight. Two faults that hold the same thing at the same time are avoided where that is possible.

    Args:
        left_out: kinds that are not possible here; the first of `kinds` takes their places, everything else stays.
    """
    chosen = Random(f"{seed}/kinds")
    first = list(kinds)
    chosen.shuffle(first)
    rest = chosen.choices(list(kinds), [kind.weight for kind in kinds], k=max(0, faults - len(first)))
    planned: list[Planned] = []
    held: list[tuple[float, float, frozenset[str]]] = []
    spacing = minutes * 60 / max(1, faults)
    for number, wanted in enumerate([*first, *rest][:faults], start=1):
        kind = kinds[0] if wanted.name in left_out else wanted
        rng = Random(f"{seed}/{number}/{kind.name}")
        at = round((number - 1 + rng.random()) * spacing, 1)
        drafts = (kind.draft(rng, targets) for _ in range(ATTEMPTS))
        draft = next((draft for draft in drafts if not _disturbs(draft, at, held)), None) or kind.draft(rng, targets)
        one = Planned(number, at, kind.name, draft.target, draft.parameters)
        planned.append(one)
        held.append((at, at + one.seconds + MARGIN_SECONDS, draft.holds))
    return planned


def _disturbs(draft: Draft, at: float, held: list[tuple[float, float, frozenset[str]]]) -> bool:
    until = at + float(draft.parameters.get("seconds", 0.0)) + MARGIN_SECONDS
    return any(began < until and at < ended and draft.holds & holds for began, ended, holds in held)
