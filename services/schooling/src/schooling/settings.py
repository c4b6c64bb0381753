"""What differs between two deployments of schooling, beside what every service needs to know."""

from amtsbus.documents import DocumentSettings
from pydantic import Field


class SchoolingSettings(DocumentSettings):
    """`SCHOOLING_INVITATION_BATCH`, `SCHOOLING_POLL_SECONDS`. The numbers of the law are data: `enrolment_rules`."""

    invitation_batch: int = Field(50, ge=1, le=500, description="Children invited in one transaction")
    poll_seconds: float = Field(
        1.0,
        gt=0,
        le=60,
        description="How often the worker looks for ordered invitations and applications to look at anew",
    )
