"""How often somebody may try something: token buckets in this process's memory."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from amtsbus.web.errors import TooManyRequestsError


@dataclass
class RateLimit:
    """At most `times` per `per_seconds` for each key, in this process.

    The memory is bounded: of more than `most_keys` the one that was seen least lately is forgotten. Behind several processes the
    limit counts in each of them; who needs a hard one sets it in front of them.
    """

    times: int
    per_seconds: float
    most_keys: int = 10_000
    monotonic: Callable[[], float] = time.monotonic
    _buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def check(self, key: str) -> None:
        """Count one try of `key`.

        Raises:
            TooManyRequestsError: there were too many.
        """
        now = self.monotonic()
        left, at = self._buckets.pop(key, (float(self.times), now))
        left = min(self.times, left + (now - at) * self.times / self.per_seconds)
        allowed = left >= 1
        self._buckets[key] = (left - 1 if allowed else left, now)
        if len(self._buckets) > self.most_keys:
            self._buckets.popitem(last=False)
        if not allowed:
            raise TooManyRequestsError(math.ceil((1 - left) * self.per_seconds / self.times))
