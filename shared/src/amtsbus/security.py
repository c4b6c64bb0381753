"""How FastStream's broker authenticates to Kafka, from the same settings as every other client."""

import ssl

from faststream.security import BaseSecurity, SASLScram512

from amtsbus.settings import Settings


def broker_security(settings: Settings) -> BaseSecurity | None:
    """FastStream's description of what `amtsbus.kafka.connection` says to aiokafka."""
    context = (
        ssl.create_default_context(cafile=settings.kafka_ca_file)
        if settings.kafka_security_protocol.endswith("SSL")
        else None
    )
    if settings.kafka_security_protocol.startswith("SASL"):
        if settings.kafka_sasl_username is None or settings.kafka_sasl_password is None:
            raise ValueError("KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD are needed for this KAFKA_SECURITY_PROTOCOL")
        return SASLScram512(
            username=settings.kafka_sasl_username,
            password=settings.kafka_sasl_password.get_secret_value(),
            ssl_context=context,
            use_ssl=context is not None,
        )
    return BaseSecurity(ssl_context=context, use_ssl=True) if context else None
