"""`python -m tests.proof.witness -- …`: `amtsbus …` with the witness among the installed services."""

import sys

from amtsbus.cli import run

from tests.proof.witness.service import install

install()
sys.exit(run(sys.argv[2:]))
