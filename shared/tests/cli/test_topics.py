"""`amtsbus topics`: the list of topics, and creating what Kafka lacks."""

import pytest
from aiokafka.admin import AIOKafkaAdminClient

TOPICS = """
topics:
  - {name: lending.loan.events, owner: lending, key: loan_id, partitions: 2, retention: forever, cleanup: delete,
     purpose: Where a loan stands., personal_data: pseudonymous, legal_basis: Library statute § 4, readers: []}
"""


@pytest.fixture
def listed(tmp_path, monkeypatch):
    file = tmp_path / "topics.yaml"
    file.write_text(TOPICS, encoding="utf-8")
    monkeypatch.setenv("AMTSBUS_TOPICS_FILE", str(file))
    return file


async def test_the_list_names_owner_and_legal_basis(listed, amtsbus):
    outcome = await amtsbus("topics", "list")
    assert outcome.exit_code == 0
    for told in ("lending.loan.events", "loan_id", "pseudonymous", "Library statute § 4"):
        assert told in outcome.out
    [topic] = (await amtsbus("topics", "list", "--json")).json
    assert topic["purpose"] == "Where a loan stands."


async def test_create_makes_what_is_missing_once(listed, amtsbus, kafka, topic_prefix, monkeypatch):
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka)
    monkeypatch.setenv("AMTSBUS_TOPIC_PREFIX", topic_prefix)
    name = f"{topic_prefix}lending.loan.events"
    assert (await amtsbus("topics", "create")).out == f"created {name}\n"
    assert (await amtsbus("topics", "create")).out == "all 1 topics are there\n"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        [description] = await admin.describe_topics([name])
        assert len(description["partitions"]) == 2
    finally:
        await admin.close()


async def test_another_number_of_partitions_is_refused_and_the_way_to_it_is_told(
    listed, amtsbus, kafka, topic_prefix, monkeypatch
):
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka)
    monkeypatch.setenv("AMTSBUS_TOPIC_PREFIX", topic_prefix)
    created = await amtsbus("topics", "create", "--json")
    assert created.json == {"created": [f"{topic_prefix}lending.loan.events"], "topics": 1}
    listed.write_text(TOPICS.replace("partitions: 2", "partitions: 3"))
    outcome = await amtsbus("topics", "create")
    assert outcome.exit_code == 1
    assert f"{topic_prefix}lending.loan.events has 2 partitions and the list says 3" in outcome.err
    assert "Put the list back to 2; or delete the topic and run `amtsbus refill lending --topic" in outcome.err
    assert outcome.err.count("\n") == 1


async def test_kafka_being_away_is_one_line(listed, amtsbus, monkeypatch):
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    outcome = await amtsbus("topics", "create")
    assert outcome.exit_code == 1
    assert outcome.err.splitlines()[-1].startswith("amtsbus: Kafka does not answer")


async def test_a_list_that_cannot_be_read_is_one_line(listed, amtsbus):
    listed.write_text("topics: [{name: Nonsense}]")
    outcome = await amtsbus("topics", "list")
    assert outcome.exit_code == 1
    assert str(listed) in outcome.err
    assert outcome.err.count("\n") == 1
