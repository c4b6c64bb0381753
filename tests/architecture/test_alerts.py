"""What rings at night is about metrics that exist, and says which page of the runbook to open."""

import re
import shutil
import subprocess
from pathlib import Path

import promql_parser
import pytest
import yaml

TREE = Path(__file__).parents[2]
RULES = TREE / "deploy" / "alerts" / "amtsbus.rules.yaml"
ALERTS = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
OPERATIONS = (TREE / "docs" / "operations.md").read_text()
METRIC = re.compile(r'(?:Counter|Gauge|Histogram)\(\s*"([a-z_]+)"')
SOURCES = [*TREE.glob("shared/src/amtsbus/**/*.py"), *TREE.glob("services/*/src/**/*.py")]
METRICS = {name for source in SOURCES for name in METRIC.findall(source.read_text())}
OF_PROMETHEUS = {"up"}


def named(alert: dict[str, object]) -> str:
    return str(alert["alert"])


def selected(expression: object) -> set[str]:
    """The names of all series that a PromQL expression selects."""
    if isinstance(expression, promql_parser.VectorSelector):
        return {str(expression.name)}
    found: set[str] = set()
    for part in ("expr", "lhs", "rhs", "vector_selector", "args", "param"):
        for child in _listed(getattr(expression, part, None)):
            found |= selected(child)
    return found


def _listed(value: object) -> list[object]:
    return [] if value is None else value if isinstance(value, list) else [value]


def anchors(text: str) -> set[str]:
    """The anchors of a Markdown page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("alert", ALERTS, ids=named)
def test_an_alert_asks_for_series_that_the_services_have(alert):
    series = selected(promql_parser.parse(alert["expr"]))
    assert series
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in series} <= METRICS | OF_PROMETHEUS


@pytest.mark.parametrize("alert", ALERTS, ids=named)
def test_an_alert_opens_an_entry_of_the_runbook(alert):
    page, _, anchor = alert["annotations"]["runbook"].partition("#")
    assert page == "docs/operations.md"
    assert anchor in anchors(OPERATIONS)


@pytest.mark.parametrize("alert", ALERTS, ids=named)
def test_an_alert_says_how_urgent_it_is_and_what_is_the_matter(alert):
    assert alert["labels"]["severity"] in ("page", "ticket")
    assert alert["annotations"]["summary"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is part of Prometheus, which is not installed")
@pytest.mark.parametrize("arguments", [("check", "rules", RULES.name), ("test", "rules", "amtsbus.test.yaml")])
def test_prometheus_itself_accepts_the_rules_and_they_ring_when_they_should(arguments):
    done = subprocess.run(["promtool", *arguments], cwd=RULES.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
