"""The vocabulary: every code has a form and a rule that it stands on."""

import re
from itertools import chain

import pytest
from permits.domain.codes import (
    REQUIRED_DOCUMENTS,
    Agency,
    Cited,
    ConditionCode,
    DocumentCode,
    GroundCode,
    ProjectKind,
)

ALL = list(chain(ProjectKind, DocumentCode, Agency, ConditionCode, GroundCode))


@pytest.mark.parametrize("code", ALL, ids=[f"{type(code).__name__}.{code}" for code in ALL])
def test_every_code_is_lower_case_with_hyphens_and_names_its_rule(code: Cited) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)
    assert "§" in code.legal_basis
    assert type(code)(str(code)) is code


def test_every_kind_of_project_has_its_required_documents() -> None:
    assert set(REQUIRED_DOCUMENTS) == set(ProjectKind)


def test_a_change_of_use_needs_no_structural_declaration() -> None:
    assert DocumentCode.STRUCTURAL_CALCULATION_DECLARATION not in REQUIRED_DOCUMENTS[ProjectKind.CHANGE_OF_USE]
    assert DocumentCode.STRUCTURAL_CALCULATION_DECLARATION in REQUIRED_DOCUMENTS[ProjectKind.NEW_BUILDING]
