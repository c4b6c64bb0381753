"""Templates that one service of a process has compiled are not compiled anew for the next: offices share all of theirs."""

from functools import cache
from types import CodeType

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket


class CompiledTemplates(BytecodeCache):
    """Compiled templates, by their file and its content."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._known.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._known[bucket.key, bucket.checksum] = bucket.code


@cache
def in_this_process() -> CompiledTemplates:
    """The compiled templates of all services of this process, whose environments differ in nothing that is compiled in."""
    return CompiledTemplates()
