"""Settings: everything that differs between two deployments comes from the environment, checked once at start-up."""

from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from amtsbus.clock import Clock, ShiftedClock, SystemClock


class Environment(StrEnum):
    PRODUCTION = "production"
    DEVELOPMENT = "development"


class Settings(BaseSettings):
    """What every service needs to know.

    Names without a prefix are shared by all services of a city (`KAFKA_BOOTSTRAP_SERVERS`); the rest is read with the
    service's name in front (`PERMITS_DATABASE_URL`). A service adds its own fields in a subclass.
    """

    model_config = SettingsConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    service: str

    # the service's own (prefixed)
    database_url: SecretStr = Field(description="Where the service's role connects (postgresql://…)")
    migrator_database_url: SecretStr | None = Field(
        None, description="Where the migrator (owner of the tables) connects; default: the service's own URL"
    )
    database_pool_size: int = Field(10, ge=2, le=200)
    api_host: str = "127.0.0.1"
    api_port: int = Field(8000, ge=0, le=65535)
    worker_host: str = "127.0.0.1"
    worker_port: int = Field(8001, ge=0, le=65535)
    request_timeout_seconds: float = Field(15.0, gt=0)
    request_body_limit_bytes: int = Field(1_048_576, gt=0)
    oidc_client_id: str = Field("", description="As which client the service's pages let people log in")
    oidc_client_secret: SecretStr | None = None
    web_address: str = Field(
        "",
        pattern=r"^(https?://[^/?#@\s]+)?$",
        description="Where browsers find the service's pages: https://portal.example.org",
    )

    # shared by the city
    environment: Environment = Field(Environment.PRODUCTION, alias="AMTSBUS_ENVIRONMENT")
    clock_file: Path | None = Field(
        None, alias="AMTSBUS_CLOCK_FILE", description="Development only: seconds to add to now"
    )
    failpoints: Path | None = Field(
        None, alias="AMTSBUS_FAILPOINTS", description="Development only: where tests arm failpoints"
    )
    event_type_prefix: str = Field("de.amtsbus", alias="AMTSBUS_EVENT_TYPE_PREFIX")
    topic_prefix: str = Field(
        "",
        alias="AMTSBUS_TOPIC_PREFIX",
        description="Put before every topic and group, so that cities share one Kafka",
    )
    log_format: str = Field("json", alias="AMTSBUS_LOG_FORMAT", pattern="^(json|console)$")
    log_level: str = Field("INFO", alias="AMTSBUS_LOG_LEVEL")
    kafka_bootstrap_servers: str = Field("127.0.0.1:9092", alias="KAFKA_BOOTSTRAP_SERVERS")
    kafka_security_protocol: str = Field(
        "PLAINTEXT", alias="KAFKA_SECURITY_PROTOCOL", pattern="^(PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL)$"
    )
    kafka_sasl_username: str | None = Field(None, alias="KAFKA_SASL_USERNAME")
    kafka_sasl_password: SecretStr | None = Field(None, alias="KAFKA_SASL_PASSWORD")
    kafka_ca_file: Path | None = Field(None, alias="KAFKA_CA_FILE")
    oidc_issuer: str = Field("", alias="OIDC_ISSUER", description="The issuer's URL; discovery starts there")
    oidc_audience: str = Field("amtsbus", alias="OIDC_AUDIENCE")
    assets: Path | None = Field(
        None,
        alias="AMTSBUS_ASSETS",
        description="What pages load, as `python -m amtsbus.web.packing` has made it; default: .assets in or above this folder",
    )
    city: str = Field("", alias="AMTSBUS_CITY", description="The city's name at the head of its pages")

    @classmethod
    def load(cls, service: str, **overrides: Any) -> Self:
        """Read the settings of `service` from the environment; `overrides` win.

        Raises:
            pydantic.ValidationError: a value is missing or wrong; it names the variable, never its content.
        """
        return cls(_env_prefix=f"{service.upper()}_", service=service, **overrides)

    @model_validator(mode="after")
    def _refuse_development_in_production(self) -> Self:
        if self.environment is Environment.PRODUCTION:
            if self.clock_file is not None:
                raise ValueError("AMTSBUS_CLOCK_FILE moves the clock and is refused in production")
            if self.failpoints is not None:
                raise ValueError("AMTSBUS_FAILPOINTS lets processes fail on purpose and is refused in production")
            if self.oidc_issuer.startswith("http://"):
                raise ValueError("OIDC_ISSUER must be https:// in production")
            if self.web_address.startswith("http://"):
                raise ValueError("WEB_ADDRESS must be https:// in production")
        return self

    def clock(self) -> Clock:
        """The clock that this service goes by."""
        return ShiftedClock(self.clock_file) if self.clock_file else SystemClock()
