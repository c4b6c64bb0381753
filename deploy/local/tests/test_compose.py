"""The compose file cannot be run everywhere; that it names what there is can be checked everywhere."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from amtsbus.testing.servers import KAFKA_VERSION
from town.configuration import DEPARTMENTS

DEPLOY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return loaded


@pytest.mark.parametrize("service", DEPARTMENTS)
def test_every_service_is_migrated_and_then_runs_its_two_processes(compose: dict[str, Any], service: str) -> None:
    services = compose["services"]
    assert services[f"{service}-migrate"]["command"] == ["amtsbus", "migrate", service]
    assert services[f"{service}-worker"]["command"] == ["amtsbus", "worker", service]
    for kind in ("api", "worker"):
        waits_for = services[f"{service}-{kind}"]["depends_on"]
        assert waits_for[f"{service}-migrate"] == {"condition": "service_completed_successfully"}
    assert services[f"{service}-worker"]["depends_on"]["topics"] == {"condition": "service_completed_successfully"}
    dockerfile = services[f"{service}-api"]["build"]["dockerfile"]
    assert (DEPLOY.parent / dockerfile).exists()


@pytest.mark.parametrize("service", DEPARTMENTS)
def test_a_service_knows_its_own_database_only(compose: dict[str, Any], service: str) -> None:
    environment = compose["services"][f"{service}-api"]["environment"]
    databases = {name for name in environment if name.endswith("DATABASE_URL")}
    assert databases == {f"{service.upper()}_DATABASE_URL", f"{service.upper()}_MIGRATOR_DATABASE_URL"}


def test_no_password_is_written_down_and_nothing_listens_beyond_loopback(compose: dict[str, Any]) -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    assert text.count("PASSWORD '") == text.count("PASSWORD '${TOWN_PASSWORD}'")
    for service in compose["services"].values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")


def test_the_servers_are_of_the_same_versions_as_the_embedded_ones(compose: dict[str, Any]) -> None:
    assert compose["services"]["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"
    assert compose["services"]["postgres"]["image"] == "postgres:18"
