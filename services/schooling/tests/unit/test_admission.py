"""Who has a place, when places are short."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from schooling.domain.admission import Admission
from schooling.domain.rules import Criterion

ORDER = tuple(Criterion)
CRITERIA = st.frozensets(st.sampled_from(Criterion))
CLAIM, SIBLING = frozenset({Criterion.NEAREST_SCHOOL}), frozenset({Criterion.SIBLING})


def test_a_full_school_has_no_place_even_for_hardship() -> None:
    full = Admission(places=50, accepted=50)
    assert not full.has_place_for(frozenset({Criterion.HARDSHIP}), ORDER, first_choice=True)


def test_the_last_place_waits_for_the_child_with_the_claim() -> None:
    last = Admission(places=50, accepted=49, waiting=(CLAIM,))
    assert not last.has_place_for(SIBLING, ORDER, first_choice=True)
    assert last.has_place_for(CLAIM, ORDER, first_choice=True)


def test_a_child_from_another_school_comes_after_all_first_choices() -> None:
    school = Admission(places=3, accepted=0, waiting=(frozenset(), frozenset()))
    assert school.has_place_for(frozenset(), ORDER, first_choice=False)
    assert not Admission(places=2, accepted=0, waiting=school.waiting).has_place_for(CLAIM, ORDER, first_choice=False)


def test_a_capacity_below_the_accepted_children_has_no_free_places() -> None:
    assert Admission(places=1, accepted=3).free == 0


@given(st.integers(0, 8), st.lists(CRITERIA, max_size=12), st.randoms(use_true_random=False))
def test_in_whatever_order_clerks_try_the_same_precedences_get_the_places(
    places: int, children: list[frozenset[Criterion]], random: Random
) -> None:
    """Who is taken depends on the criteria alone, except among equals; the capacity is used up and never exceeded."""
    waiting = list(enumerate(children))
    accepted: list[tuple[int, frozenset[Criterion]]] = []
    while True:
        random.shuffle(waiting)
        for child in waiting:
            others = tuple(criteria for nth, criteria in waiting if nth != child[0])
            if Admission(places, len(accepted), others).has_place_for(child[1], ORDER, first_choice=True):
                waiting.remove(child)
                accepted.append(child)
                break
        else:
            break
    assert len(accepted) == min(places, len(children))
    worst_taken = max((tuple(c not in criteria for c in ORDER) for _, criteria in accepted), default=None)
    best_left = min((tuple(c not in criteria for c in ORDER) for _, criteria in waiting), default=None)
    if worst_taken and best_left:
        assert worst_taken <= best_left
