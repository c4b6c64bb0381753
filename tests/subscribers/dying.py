"""The example subscriber, which the system ends at a moment of the test's choice, as a power cut would.

python -m tests.subscribers.dying effect 3 DATABASE TOPIC…     in the transaction, after the third effect
python -m tests.subscribers.dying commit 2 DATABASE TOPIC…     before the second commit of offsets
python -m tests.subscribers.dying never 0 DATABASE TOPIC…      not at all
"""

import asyncio
import os
import runpy
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "subscriber.py"


def counted(nth: int) -> Callable[[], None]:
    """Ends this process when it is called for the nth time."""
    calls = iter(range(1, nth))

    def call() -> None:
        if next(calls, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    return call


def main(moment: str, nth: int, database: str, *topics: str) -> None:
    """Run the example until then."""
    example = runpy.run_path(str(EXAMPLE))
    statistics, end = example["Statistics"], counted(nth)
    if moment == "effect":
        do = statistics._do

        def dying_do(self: Any, sql: str, *values: Any) -> None:
            if sql.startswith("INSERT INTO handled"):
                end()
            do(self, sql, *values)

        statistics._do = dying_do
    if moment == "commit":
        commit = AIOKafkaConsumer.commit

        async def dying_commit(self: Any, *arguments: Any) -> None:
            end()
            await commit(self, *arguments)

        AIOKafkaConsumer.commit = dying_commit
    asyncio.run(example["subscribe"](statistics(database), *topics))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
