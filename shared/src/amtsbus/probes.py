"""What every process answers over HTTP, whatever else it does: that it lives, and its metrics."""

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response


async def alive(_: Request) -> Response:
    """`/livez`: the process answers."""
    return PlainTextResponse("alive")


async def metrics(_: Request) -> Response:
    """`/metrics`: everything in `amtsbus.telemetry`, in Prometheus' text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
