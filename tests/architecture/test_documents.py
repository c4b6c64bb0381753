"""What an operator reads is what there is."""

import re
from pathlib import Path

import pytest

TREE = Path(__file__).parents[2]
OPERATIONS = (TREE / "docs" / "operations.md").read_text()
SOURCES = [*TREE.glob("shared/src/amtsbus/**/*.py"), *TREE.glob("services/*/src/**/*.py")]
METRIC = re.compile(r'(?:Counter|Gauge|Histogram)\(\s*"([a-z_]+)"')
METRICS = sorted({name for source in SOURCES for name in METRIC.findall(source.read_text())})
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def test_there_are_metrics():
    assert len(METRICS) > 20


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_is_explained_to_the_operator(metric: str):
    assert metric in OPERATIONS


@pytest.mark.parametrize("page", sorted(TREE.glob("*.md")) + sorted(TREE.glob("docs/**/*.md")), ids=str)
def test_every_link_in_a_document_leads_somewhere(page: Path):
    missing = [target for target in LINK.findall(page.read_text()) if not (page.parent / target).exists()]
    assert missing == []


@pytest.mark.parametrize("readme", sorted(TREE.glob("services/*/README.md")), ids=lambda path: path.parent.name)
def test_every_department_says_what_it_owns_publishes_consumes_and_runs(readme: Path):
    text = readme.read_text()
    assert [room for room in ("## Owns", "## Publishes", "## Consumes", "## Runs") if room not in text] == []
