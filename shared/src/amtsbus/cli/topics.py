"""`amtsbus topics list|create`: the topics of `deploy/topics.yaml`."""

from pathlib import Path
from typing import Annotated

import typer

from amtsbus.cli.databases import settings_of
from amtsbus.cli.output import AsJson, command_group, print_json, print_table

app = command_group("The topics of the city, from deploy/topics.yaml.")

TopicsFile = Annotated[
    Path | None, typer.Option("--file", help="The list of topics; default: AMTSBUS_TOPICS_FILE or deploy/topics.yaml.")
]


@app.command("list")
def show_topics(file: TopicsFile = None, as_json: AsJson = False) -> None:
    """Show every topic with its owner, readers and legal basis.

    Example: amtsbus topics list --json
    """
    from amtsbus.contracts.places import topics_file
    from amtsbus.topics import load

    topics = load(file or topics_file())
    if as_json:
        print_json([topic.model_dump(mode="json") for topic in topics])
        return
    print_table(
        ["Topic", "Owner", "Key", "Personal data", "Legal basis", "Readers"],
        [
            (
                topic.name,
                topic.owner,
                topic.key,
                topic.personal_data,
                topic.legal_basis,
                ", ".join(reader.group for reader in topic.readers),
            )
            for topic in topics
        ],
    )


@app.command()
def create(
    file: TopicsFile = None,
    replication_factor: Annotated[
        int, typer.Option(min=1, max=9, help="Copies of each partition; 3 for a cluster that may lose a broker.")
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Create the topics that Kafka does not have yet (KAFKA_BOOTSTRAP_SERVERS); existing ones stay as they are.

    One whose number of partitions differs from the list is refused. After a topic was lost use `amtsbus refill`, which creates
    it when what belongs into it stands ready.

    Example: amtsbus topics create --replication-factor 3
    """
    import asyncio

    from amtsbus.contracts.places import topics_file
    from amtsbus.kafka import connection
    from amtsbus.settings import Settings
    from amtsbus.topics import create_missing, load

    # only the shared half of the settings matters here: no service, no database
    settings = settings_of(Settings, "amtsbus", database_url="")
    topics = load(file or topics_file())
    created = asyncio.run(
        create_missing(
            topics=topics,
            prefix=settings.topic_prefix,
            replication_factor=replication_factor,
            **connection(settings),
        )
    )
    if as_json:
        print_json({"created": created, "topics": len(topics)})
        return
    for name in created:
        typer.echo(f"created {name}")
    if not created:
        typer.echo(f"all {len(topics)} topics are there")
