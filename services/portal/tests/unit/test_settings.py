"""What a deployment may not get wrong."""

import pytest
from amtsbus.settings import Environment
from portal.settings import PortalSettings
from pydantic import ValidationError

PRODUCTION = {
    "environment": Environment.PRODUCTION,
    "documents_url": "s3://demo/documents",
    "clamd": "127.0.0.1:3310",
    "city": "Demo-Stadt",
}


def settings(**values) -> PortalSettings:
    return PortalSettings.load("portal", database_url="postgresql://localhost/x", **values)


def test_production_starts_with_a_document_store_a_virus_scanner_and_the_citys_name():
    assert settings(**PRODUCTION).payment_provider == "none"


@pytest.mark.parametrize(
    "wrong",
    [{"documents_url": ""}, {"clamd": ""}, {"city": ""}, {"payment_provider": "development"}],
    ids=["no document store", "no virus scanner", "letters of nobody", "a payment provider that moves no money"],
)
def test_production_does_not_start_with(wrong):
    with pytest.raises(ValidationError):
        settings(**(PRODUCTION | wrong))


@pytest.mark.parametrize("url", ["http://example.org", "memory:///", "documents", "file://relative"])
def test_documents_lie_in_a_folder_or_a_bucket(url):
    with pytest.raises(ValidationError):
        settings(environment=Environment.DEVELOPMENT, documents_url=url)


def test_development_needs_nothing():
    assert settings(environment=Environment.DEVELOPMENT).clamd == ""
