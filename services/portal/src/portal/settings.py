"""What differs between two deployments of the portal."""

from typing import Literal, Self

from amtsbus.documents import DocumentSettings
from amtsbus.settings import Environment
from pydantic import Field, SecretStr, model_validator

_ONLY_IN_DEVELOPMENT = "only for development"


class PortalSettings(DocumentSettings):
    """All are read with the prefix PORTAL_, but for those of the whole city."""

    clamd: str = Field(
        "",
        pattern=r"^([A-Za-z0-9._-]+:[0-9]{1,5})?$",
        description="Host and port of clamd, which scans uploads for viruses; needed in production",
    )
    clamd_timeout_seconds: float = Field(20.0, gt=0, description="How long one file may take to scan")
    payment_provider: Literal["none", "development"] = Field(
        "none", description="Who takes payments; `development` is a page of our own that moves no money"
    )
    payment_secret: SecretStr = Field(
        SecretStr(_ONLY_IN_DEVELOPMENT), description="With which the payment provider's answers are signed"
    )
    sweep_seconds: float = Field(600.0, gt=0, description="How often expired drafts and unused uploads are looked for")

    @model_validator(mode="after")
    def _check_production(self) -> Self:
        if self.environment is Environment.PRODUCTION:
            if not self.city:
                raise ValueError("AMTSBUS_CITY is missing: letters say which city writes them")
            if not self.clamd:
                raise ValueError("PORTAL_CLAMD is missing: uploads must be scanned in production")
            if self.payment_provider == "development":
                raise ValueError("PORTAL_PAYMENT_PROVIDER=development takes no real money and is refused in production")
        return self
