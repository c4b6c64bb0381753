"""`amtsbus procedures check|schema|sample|describe`: the files in which offices declare their services."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from amtsbus.cli.failures import CommandFailedError
from amtsbus.cli.output import AsJson, OutputFile, command_group, print_json, writing

if TYPE_CHECKING:
    from amtsbus.procedures.checking import Mistake

app = command_group("The files in which offices declare their services: check them, and help to write them.")

Paths = Annotated[
    list[Path],
    typer.Argument(metavar="PATH...", help="Procedure files, the folder of an office, or the folder of all offices."),
]


@app.command()
def check(paths: Paths, as_json: AsJson = False) -> None:
    """Find what is wrong with procedure files: file, line, and what to do.

    Exit code 1 where something is.

    Example: amtsbus procedures check deploy/procedures
    """
    checked = 0
    mistakes: list[Mistake] = []
    for path in paths:
        found, wrong = _check(path)
        checked += found
        mistakes += wrong
    if as_json:
        print_json(
            {
                "checked": checked,
                "mistakes": [{"file": str(one.file), "line": one.line, "what": one.what} for one in sorted(mistakes)],
            }
        )
    else:
        for one in sorted(mistakes):
            typer.echo(str(one))
    if mistakes:
        raise CommandFailedError(f"{len(mistakes)} mistake{'s' if len(mistakes) > 1 else ''} in procedure files")
    if not as_json:
        typer.echo(f"{checked} procedure{'s' if checked != 1 else ''}: nothing is wrong")


def _check(path: Path) -> "tuple[int, tuple[Mistake, ...]]":
    from amtsbus.procedures.checking import OFFICE_FILE, ProcedureFileError, read_city, read_office, read_procedure

    try:
        if path.is_file():
            read_procedure(path)
            return 1, ()
        if (path / OFFICE_FILE).exists():
            return len(read_office(path).procedures), ()
        return sum(len(office.procedures) for office in read_city(path).values()), ()
    except ProcedureFileError as error:
        return 0, error.mistakes


@app.command()
def schema(
    office: Annotated[bool, typer.Option("--office", help="Of office.yaml instead of a procedure.")] = False,
    of_application: Annotated[
        Path | None,
        typer.Option("--application", metavar="FILE", help="Of an application for the procedure in FILE instead."),
    ] = None,
    file: OutputFile = None,
) -> None:
    """Write the JSON Schema of procedure files, for completion and errors in any editor.

    Example: amtsbus procedures schema --file deploy/procedures/procedure.schema.json
    """
    if office and of_application:
        raise typer.BadParameter("say one of --office and --application")
    import json

    from amtsbus.procedures import schemas
    from amtsbus.procedures.checking import read_procedure

    if of_application:
        written = schemas.of_application(read_procedure(of_application))
    else:
        written = schemas.of_offices() if office else schemas.of_procedures()
    with writing(file) as out:
        out.write(json.dumps(written, ensure_ascii=False, indent=2) + "\n")


@app.command()
def sample(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A procedure file.")],
    seed: Annotated[int, typer.Option(min=0, help="Another number, another invented applicant.")] = 0,
) -> None:
    """Print the answers of somebody invented, as JSON, with the fee and the documents that follow from them.

    Example: amtsbus procedures sample dog-registration.yaml --seed 3
    """
    from amtsbus.clock import SystemClock
    from amtsbus.procedures import answers, conditions, fees, sampling
    from amtsbus.procedures.checking import read_procedure

    procedure = read_procedure(file)
    today = SystemClock().today()
    try:
        answered = sampling.one(procedure, seed, today=today)
    except sampling.NoSampleError as error:
        raise CommandFailedError(str(error)) from None
    print_json(
        {
            "answers": answered,
            "computed": conditions.computed_values(procedure.form.computed, answered, today=today),
            "documents": [
                document.key for document in answers.asked_documents(procedure.documents, answered, today=today)
            ],
            "fee_cents": fees.cents(procedure, answered, today=today),
        }
    )


@app.command()
def describe(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A procedure file.")],
    language: Annotated[
        Literal["de", "en"], typer.Option("--language", help="The language of the description.")
    ] = "de",
    file: OutputFile = None,
) -> None:
    """Write what a procedure file says as Markdown, for people who do not read YAML: lawyers, data protection, new colleagues.

    Example: amtsbus procedures describe deploy/procedures/taxes/dog-registration.yaml --file dog.md
    """
    from amtsbus.procedures.checking import OFFICE_FILE, read_office, read_procedure
    from amtsbus.procedures.description import description

    declared = read_procedure(path)
    office = read_office(path.parent).declaration if (path.parent / OFFICE_FILE).exists() else None
    with writing(file) as out:
        out.write(description(declared, office, language))
