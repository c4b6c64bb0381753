"""The campaign: a city under load in which everything breaks, and a ledger that is compared at the end (`make proof`).

Its city has the departments with code of their own, and no offices: each of those is the same code once more.
"""

import os
from pathlib import Path
from typing import Final

from amtsbus import topics
from amtsbus.topics import Topic
from town.configuration import DEPARTMENTS

# Which topics a department reads is settled when it is imported, here and in each of its processes.
os.environ["AMTSBUS_OFFICES"] = ""

TOPIC_LIST: Final = Path(__file__).parents[2] / "deploy" / "topics.yaml"


def topics_of_the_city() -> tuple[Topic, ...]:
    """The topics on which the departments of the campaign's city tell and ask."""
    return tuple(
        topic.model_copy(update={"readers": tuple(reader for reader in topic.readers if reader.service in DEPARTMENTS)})
        for topic in topics.load(TOPIC_LIST)
        if topic.owner in DEPARTMENTS
    )
