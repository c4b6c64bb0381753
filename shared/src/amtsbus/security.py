"""How FastStream's broker authenticates to Kafka, from the same settings as every other client."""

from faststream.security import BaseSecurity, SASLScram512

from amtsbus import kafka
from amtsbus.settings import Settings


def broker_security(settings: Settings) -> BaseSecurity | None:
    """FastStream's description of what `amtsbus.kafka.connection` says to aiokafka."""
    arguments = kafka.connection(settings)
    context = arguments.get("ssl_context")
    if "sasl_mechanism" in arguments:
        return SASLScram512(
            username=arguments["sasl_plain_username"],
            password=arguments["sasl_plain_password"],
            ssl_context=context,
            use_ssl=context is not None,
        )
    return BaseSecurity(ssl_context=context, use_ssl=True) if context else None
