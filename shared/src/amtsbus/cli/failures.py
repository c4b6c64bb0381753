"""What can go wrong for an operator, in one line each."""

from dataclasses import dataclass


class CommandFailedError(Exception):
    """The command did not do what it was asked to; the message says why and what to do."""

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Explanation:
    """One line for the operator, and the command's exit code."""

    message: str
    exit_code: int = 1


def explained(error: Exception) -> Explanation | None:
    """The operator's line for an expected failure; None for a defect, which deserves its traceback."""
    if isinstance(error, CommandFailedError):
        return Explanation(str(error), error.exit_code)
    return _of_the_chassis(error) or _of_the_surroundings(error)


def _of_the_chassis(error: Exception) -> Explanation | None:
    from amtsbus.migrate import MigrationError
    from amtsbus.procedures.checking import ProcedureFileError
    from amtsbus.refill import RefillError
    from amtsbus.retention import ArchiveError
    from amtsbus.service import BrokenServiceError, UnknownServiceError
    from amtsbus.topics import TopicListError
    from amtsbus.web.errors import WebNotReadyError

    if isinstance(error, UnknownServiceError):
        return Explanation(str(error), exit_code=2)
    if isinstance(
        error,
        MigrationError
        | TopicListError
        | RefillError
        | ArchiveError
        | ProcedureFileError
        | BrokenServiceError
        | WebNotReadyError,
    ):
        return Explanation(" ".join(str(error).split()))
    return None


def _of_the_surroundings(error: Exception) -> Explanation | None:
    import asyncpg
    from aiokafka.errors import KafkaError

    if isinstance(error, asyncpg.UndefinedTableError | asyncpg.InvalidSchemaNameError | asyncpg.UndefinedColumnError):
        return Explanation("the database is not at this version: run `amtsbus migrate SERVICE` first")
    if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError):
        return Explanation(f"PostgreSQL refuses: {type(error).__name__}: {str(error).splitlines()[0]}")
    if isinstance(error, KafkaError):
        return Explanation(f"Kafka does not answer or refuses: {type(error).__name__} (KAFKA_BOOTSTRAP_SERVERS)")
    if isinstance(error, TimeoutError | ConnectionError | OSError):
        return Explanation(f"a server cannot be reached: {str(error) or type(error).__name__}")
    return None
