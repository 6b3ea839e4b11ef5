"""Beam search as clients drive it, in C: rule by rule, and against an implementation with Python lists."""

import gc
import math
import pickle
import random
from ctypes import c_int, c_void_p, cast, py_object, sizeof

import numpy
import pytest
from numpy.testing import assert_allclose

from helpers.beam import BeamFields, Driver, MaxViolationFields, State, method
from helpers.c_interface import fields_of, slot
from thinc.extra.search import Beam, MaxViolation


def softmax(scores):
    exponentials = numpy.exp(numpy.asarray(scores, "d") - max(scores))
    return exponentials / exponentials.sum()


# --- construction, from Python


def test_a_new_beam():
    beam = Beam(3, 4)
    assert len(beam) == 1
    assert (beam.score, beam.min_score, beam.loss, beam.min_density) == (0, 0, 0, 0)
    assert beam.scores == [0] and beam.probs == [1]
    assert beam.histories == [[], [], [], []]
    assert not beam.is_done
    assert len({id(history) for history in beam.histories}) == 4


@pytest.mark.parametrize("size", [(0, 1), (1, 0), (0, 0)])
def test_beam_of_nothing(size):
    with pytest.raises(AssertionError, match="at least 1"):
        Beam(*size)


@pytest.mark.parametrize(
    "arguments, error",
    [
        ((), TypeError),
        ((3,), TypeError),
        (("3", 4), TypeError),
        ((-1, 4), OverflowError),
        ((2**64, 4), OverflowError),
        ((2**62, 4), MemoryError),
        ((2**40, 2**40), MemoryError),
        ((1, 2**63), MemoryError),
        ((3, 4, "wide"), TypeError),
    ],
)
def test_bad_arguments(arguments, error):
    with pytest.raises(error):
        Beam(*arguments)


def test_attributes_for_python():
    beam = Beam(nr_class=3, width=4, min_density=0.25)
    assert beam.min_density == 0.25
    beam.min_density = 0.5
    assert beam.min_density == 0.5
    for name in ("is_done", "score", "min_score", "loss", "scores", "probs", "histories"):
        with pytest.raises(AttributeError):
            setattr(beam, name, getattr(beam, name))
    with pytest.raises(TypeError):
        pickle.dumps(beam)
    beam.histories.clear()
    assert len(beam.histories) == 4, "what a caller does to the list is no affair of the beam's"


def test_without_init():
    beam = Beam.__new__(Beam)
    assert len(beam) == 0 and beam.scores == [] and beam.probs == []
    for name in ("score", "min_score", "loss"):
        with pytest.raises(ValueError, match="__init__"):
            getattr(beam, name)
    with pytest.raises(ValueError, match="__init__"):
        MaxViolation().check(beam, beam)


def test_init_again_starts_anew():
    driver = Driver(2, 3)
    driver.fill(1)
    driver.advance()
    driver.beam.__init__(5, 2)
    assert sorted(driver.deleted) == [1, 2, 3, 4, 5, 6]
    assert len(driver.beam) == 1 and driver.beam.scores == [0] and len(driver.beam.histories) == 2


def test_subclass():
    class Mine(Beam):
        def __init__(self, name):
            super().__init__(2, 3)
            self.name = name

    assert len(Mine("x").histories) == 3


# --- layout


def test_fields():
    driver = Driver(3, 2, min_density=0.25)
    fields = driver.fields
    assert (fields.nr_class, fields.width, fields.size, fields.min_density) == (3, 2, 1, 0.25)
    assert (fields.t, fields.is_done) == (0, 0)
    assert type(fields.mem).__module__ == "cymem.cymem" and type(fields.mem).__name__ == "Pool"
    assert fields.histories == fields.parent_histories == [[], []]
    assert sizeof(State) == 40 and sizeof(BeamFields) == Beam.__basicsize__ == 136
    driver.fill([[0, 1, 2], [3, 4, 5]], [[1, 1, 0], [0, 0, 0]], [[0, 0.5, 0], [0, 0, 0]])
    assert [[fields.scores[i][j] for j in range(3)] for i in range(2)] == [[0, 1, 2], [3, 4, 5]]
    assert [fields.is_valid[0][j] for j in range(3)] == [1, 1, 0]
    assert fields.costs[0][1] == 0.5
    driver.advance()
    assert fields.t == 1 and fields.size == 2
    best = fields.states[0]
    assert (best.score, best.loss, best.i, best.t, best.is_done) == (1, 0.5, 0, 0, 0)
    assert driver.contents[best.content] == (1,)
    assert fields.histories[0] == [1] and fields.parent_histories[0] == []


# --- setting scores


def test_set_cell_and_row():
    driver = Driver(3, 2)
    method("set_cell")(driver.beam, 1, 2, 1.5, 1, 0.25)
    fields = driver.fields
    assert (fields.scores[1][2], fields.is_valid[1][2], fields.costs[1][2]) == (1.5, 1, 0.25)
    scores, is_valid, costs = numpy.array([1, 2, 3], "f"), numpy.array([0, 1, 1], "i"), numpy.ones(3, "f")
    row = [array.ctypes.data for array in (scores, is_valid, costs)]
    method("set_row")(driver.beam, 0, *row)
    assert [fields.scores[0][j] for j in range(3)] == [1, 2, 3]
    assert [fields.is_valid[0][j] for j in range(3)] == [0, 1, 1]
    assert [fields.costs[0][j] for j in range(3)] == [1, 1, 1]
    assert fields.scores[1][2] == 1.5
    for i in (-1, 2):
        with pytest.raises(IndexError):
            method("set_row")(driver.beam, i, *row)


# --- states


def test_initialize_makes_all_states_with_the_pool_of_the_beam():
    driver = Driver(3, 4)
    assert len(driver.contents) == 8
    assert all(pool is driver.fields.mem for pool in driver.pools)
    slots = [states[i].content for states in (driver.fields.states, driver.fields.parents) for i in range(4)]
    assert sorted(slots) == [1, 2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_all_states_are_deleted_with_the_beam(steps):
    driver = Driver(3, 4)
    deleted = driver.deleted
    for _ in range(steps):
        driver.fill(1)
        driver.advance()
    driver.beam = driver.fields = None
    gc.collect()
    assert sorted(deleted) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_edge_ops_23_deleting_without_a_function_or_without_states():
    driver = Driver(3, 4, initialize=False)
    driver.initialize(delete=False)
    del driver.beam
    assert driver.deleted == []
    del Driver(3, 4, initialize=False).beam


def test_a_beam_in_a_cycle_is_deleted_once():
    driver = Driver(2, 2)
    deleted = driver.deleted
    driver.beam.histories[0].append(driver.beam)
    del driver
    gc.collect()
    assert sorted(deleted) == [1, 2, 3, 4]


def test_initialize_again():
    driver = Driver(2, 2)
    driver.fill(1)
    driver.advance()
    driver.check_done(lambda state: True)
    driver.initialize()
    assert sorted(driver.deleted) == [1, 2, 3, 4]
    assert driver.histories == [()] and driver.beam.scores == [0] and not driver.beam.is_done
    driver.fill([1, 2])
    driver.advance()
    assert driver.histories == driver.states == [(1,), (0,)]


def test_use_before_initialize():
    driver = Driver(2, 2, initialize=False)
    driver.fill(1)
    with pytest.raises(ValueError, match="initialize"):
        driver.advance()
    with pytest.raises(ValueError, match="initialize"):
        driver.check_done(lambda state: True)


# --- advance


def test_edge_vectors_11_ties_go_to_the_larger_number():
    driver = Driver(3, 4)
    driver.fill(1)
    driver.advance()
    assert driver.histories == driver.states == [(2,), (1,), (0,)]
    assert len(driver.beam) == 3 and driver.beam.histories == [[2], [1], [0], []]


def test_best_candidates_of_all_states():
    driver = Driver(2, 3)
    driver.fill([0.0, 1.0], costs=[0.5, 0.25])
    driver.advance()
    driver.fill([[1, 2], [3, 0], [9, 9]], costs=[[1, 1], [0, 1], [9, 9]])
    driver.advance()
    # what were (1,) with 1 and (0,) with 0; of the two 3s, that of the second state comes first
    assert driver.histories == driver.states == [(0, 0), (1, 1), (1, 0)]
    assert driver.beam.scores == [3, 3, 2]
    assert driver.losses == [0.5, 1.25, 1.25]
    assert (driver.beam.score, driver.beam.min_score, driver.beam.loss) == (3, 2, 0.5)
    assert_allclose(driver.beam.probs, softmax([3, 3, 2]))


def test_tables_are_zero_afterwards():
    driver = Driver(2, 2)
    driver.fill(1, 1, 1)
    driver.advance()
    tables = (driver.fields.scores, driver.fields.is_valid, driver.fields.costs)
    assert not any(table[i][j] for table in tables for i in range(2) for j in range(2))


def test_nothing_valid():
    driver = Driver(2, 3)
    driver.fill([1.0, 2.0])
    driver.advance()
    before = driver.histories, driver.beam.scores, driver.losses, driver.fields.t
    for _ in range(2):
        driver.fill(1, is_valid=0)
        with pytest.raises(AssertionError, match="valid"):
            driver.advance()
        assert (driver.histories, driver.beam.scores, driver.losses, driver.fields.t) == before
    driver.fill(1)
    driver.advance()
    assert driver.fields.t == 2


@pytest.mark.parametrize("density, kept", [(0, 3), (0.1, 3), (0.3, 2), (0.5, 1), (1, 1), (-1, 3)])
def test_candidates_of_low_density_are_dropped(density, kept):
    driver = Driver(3, 5, min_density=density)
    driver.fill(numpy.log([0.2, 0.6, 0.2 + 1e-3]))  # relative to the best: 0.333, 1, 0.335
    driver.fill(numpy.log([0.15, 0.6, 0.24]))  # 0.25, 1, 0.4
    driver.advance()
    assert driver.histories == [(1,), (2,), (0,)][:kept]


def test_finished_states_are_kept_and_grow_by_their_average():
    driver = Driver(2, 3)
    driver.fill([[1, 2]], costs=[[3, 4]])
    driver.advance()
    driver.check_done(lambda state: state == (1,))
    assert not driver.beam.is_done
    driver.fill([0.5, 0.75], is_valid=1, costs=[1, 1])  # what a finished state is given does not matter
    driver.advance()
    # (1,): 2 + 2 / 1; (0,): 1 + 0.75 and 1 + 0.5
    assert driver.histories == driver.states == [(1,), (0, 1), (0, 0)]
    assert driver.beam.scores == [4, 1.75, 1.5]
    assert driver.losses == [4, 4, 4]
    driver.fill(0)
    driver.advance()
    assert driver.histories == driver.states == [(1,), (0, 1, 1), (0, 1, 0)]
    assert driver.beam.scores == [6, 1.75, 1.75]  # 4 + 4 / 2


def test_finished_before_the_first_step():
    driver = Driver(2, 2)
    driver.check_done(lambda state: True)
    assert driver.beam.is_done
    driver.fill(1)
    driver.advance()
    assert driver.histories == [()] and driver.beam.scores == [0]


def test_edge_ops_24_finished_is_not_inherited_by_the_slot():
    """A new state in the place of a finished one that fell off the beam is not finished."""
    driver = Driver(2, 2)
    driver.fill([1, 2])
    driver.advance()
    driver.check_done(lambda state: state == (0,))
    for scores in ([10, 11], [10, 11], [10, 11]):  # the finished one cannot keep up
        driver.fill(scores)
        driver.advance()
        driver.check_done(lambda state: False)
        assert not any(driver.fields.states[i].is_done for i in range(2))
        assert not driver.beam.is_done
    assert all(len(history) == 4 for history in driver.histories)


def test_check_done_asks_each_state_once():
    driver = Driver(3, 3)
    driver.fill([1, 2, 3])
    driver.advance()
    asked = []

    def is_done(state):
        asked.append(state)
        return state != (0,)

    driver.check_done(is_done)
    assert asked == [(2,), (1,), (0,)] and not driver.beam.is_done
    asked.clear()
    driver.check_done(is_done)
    assert asked == [(0,)]
    driver.check_done(lambda state: True)
    assert driver.beam.is_done


def test_states_with_a_key_that_was_seen_are_dropped():
    driver = Driver(4, 3)
    driver.fill([4, 3, 2, 1])
    driver.advance(key=lambda state: 2 + sum(state) % 2)
    assert driver.histories == driver.states == [(0,), (1,)]
    driver = Driver(4, 3)
    driver.fill([4, 3, 2, 1])
    driver.advance(key=lambda state: 1)  # no key
    assert driver.histories == [(0,), (1,), (2,)]


def reference_advance(states, scores, is_valid, costs, width, nr_class, min_density, t, key):
    """One step with lists. A state: (history, score, loss, whether it is finished)."""
    candidates = []
    for i, (history, score, _, finished) in enumerate(states):
        if finished:
            grown = score + score / numpy.float32(t) if history and t else score
            candidates.append((numpy.float32(grown), i * nr_class))
        else:
            candidates += [
                (numpy.float32(score + scores[i, j]), i * nr_class + j)
                for j in range(nr_class)
                if is_valid[i, j]
            ]
    if min_density > 0:
        probabilities = softmax([score for score, _ in candidates])
        kept = probabilities >= min_density * probabilities.max()
        candidates = [candidate for candidate, keep in zip(candidates, kept, strict=True) if keep]
    new, seen = [], set()
    for score, number in sorted(candidates, reverse=True):
        if len(new) == width:
            break
        i, clas = divmod(number, nr_class)
        history, _, loss, finished = states[i]
        if finished:
            new.append((history, score, loss, True))
            continue
        history = (*history, clas)
        if key is not None:
            if key(history) > 1 and key(history) in seen:
                continue
            seen.add(key(history))
        new.append((history, score, numpy.float32(loss + costs[i, clas]), False))
    return new


@pytest.mark.parametrize("seed", range(40))
def test_against_the_reference(seed):
    draw, rng = random.Random(seed), numpy.random.default_rng(seed)
    nr_class, width = draw.randint(1, 5), draw.randint(1, 6)
    min_density = draw.choice([0, 0, 0.1, 0.4])
    key = draw.choice([None, lambda history: 1 + sum(history) % 5])  # 1: no key
    driver = Driver(nr_class, width, min_density)
    states = [((), numpy.float32(0), numpy.float32(0), False)]
    for t in range(6):
        scores = rng.normal(size=(width, nr_class)).round(1).astype("f")
        is_valid = rng.random((width, nr_class)) < 0.7
        is_valid[:, 0] = True
        costs = rng.integers(0, 3, (width, nr_class)).astype("f")
        driver.fill(scores, is_valid, costs)
        driver.advance(key)
        states = reference_advance(states, scores, is_valid, costs, width, nr_class, min_density, t, key)

        def is_done(history):
            return len(history) >= 2 and sum(history) % 3 == 0

        driver.check_done(is_done)
        states = [(h, s, loss, done or is_done(h)) for h, s, loss, done in states]
        assert driver.histories == driver.states == [state[0] for state in states]
        assert driver.beam.scores == [state[1] for state in states]
        assert driver.losses == [state[2] for state in states]
        assert driver.beam.is_done == all(state[3] for state in states)
        assert_allclose(driver.beam.probs, softmax(driver.beam.scores))


@pytest.mark.parametrize("finished", [False, True])
def test_number_of_histories_is_checked(finished):
    """The lists are in the hands of clients, too; a list that is too short is an error, not a crash."""
    driver = Driver(2, 3)
    driver.fill(1, costs=1)
    driver.advance()
    driver.check_done(lambda state: finished)
    driver.fields.histories.clear()
    driver.fill(1)
    with pytest.raises(IndexError):
        driver.advance()
    for check_beams in (MaxViolation().check, MaxViolation().check_crf):
        with pytest.raises(IndexError):
            check_beams(driver.beam, driver.beam)


# --- the violation


def test_a_new_violation():
    found = MaxViolation()
    assert (found.p_score, found.g_score, found.Z, found.gZ) == (0, 0, 0, 0)
    assert found.p_hist == found.g_hist == found.p_probs == found.g_probs == []
    fields = fields_of(found, MaxViolationFields)
    assert (fields.cost, fields.delta, fields.n) == (0, -1, 0)
    assert type(fields.mem).__name__ == "Pool"
    assert sizeof(MaxViolationFields) == MaxViolation.__basicsize__ == 104
    for name in ("cost", "delta"):
        assert not hasattr(found, name)
    for name in ("p_score", "Z", "p_hist"):
        with pytest.raises(AttributeError):
            setattr(found, name, getattr(found, name))


def two_beams(scores, costs, allowed, width=2):
    """Beams after one step: with all classes allowed, and with those of `allowed`."""
    beams = []
    for is_valid in (1, allowed):
        driver = Driver(len(scores), width)
        driver.fill(scores, is_valid, costs)
        driver.advance()
        beams.append(driver)
    return beams


def check(found, name, pred, gold):
    """By the vtable, with the argument that Cython adds to methods that Python can override."""
    number = ["check", "check_crf"].index(name)
    assert slot(MaxViolation, number, c_int, *[py_object] * 3, c_int)(found, pred.beam, gold.beam, 0) == 0
    return fields_of(found, MaxViolationFields)


def test_check():
    pred, gold = two_beams([0, 1, 2], [0, 1, 1], [1, 0, 0])
    found = MaxViolation()
    fields = check(found, "check", pred, gold)
    assert (fields.cost, fields.delta) == (1, 2)
    assert (found.p_score, found.g_score, found.p_hist, found.g_hist) == (2, 0, [2], [0])
    gold_part = 1e-10 + math.exp(0)
    assert_allclose([found.gZ, found.Z], [gold_part, gold_part + math.exp(2) + math.exp(1)], rtol=1e-14)
    assert found.p_probs == found.g_probs == []


def test_edge_vectors_12_check_crf():
    pred, gold = two_beams([0, 1, 2], [0, 1, 1], [1, 0, 0])
    found = MaxViolation()
    fields = check(found, "check_crf", pred, gold)
    assert (fields.cost, fields.delta) == (1, 2)
    assert found.p_hist == [[2], [1]] and found.g_hist == [[0]]
    assert_allclose(found.p_probs, [0.66524, 0.24473], atol=5e-6)
    assert_allclose(found.g_probs, [-0.90997], atol=5e-6)
    assert (found.p_score, found.g_score, found.Z, found.gZ) == (0, 0, 0, 0)


def test_check_crf_with_right_predictions_off_the_gold_beam():
    """States of `pred` without loss count as gold, once."""
    pred, gold = two_beams([2, 0, 1, 3], [0, 0, 0, 1], [1, 1, 0, 0], width=4)
    found = MaxViolation()
    check(found, "check_crf", pred, gold)
    assert found.p_hist == [[3]]
    assert found.g_hist == [[2], [0], [1]]
    probabilities = softmax([3, 1, 2, 0])
    assert_allclose(found.p_probs, probabilities[:1], rtol=1e-6)
    assert_allclose(found.g_probs, probabilities[1:] - softmax([1, 2, 0]), rtol=1e-6)


@pytest.mark.parametrize("name, cost, recorded", [
    ("check", 0, False), ("check", 0.5, False), ("check", 1, True),
    ("check_crf", 0, False), ("check_crf", 0.5, True), ("check_crf", 1, True),
])  # fmt: skip
def test_what_counts_as_wrong(name, cost, recorded):
    found = MaxViolation()
    fields = check(found, name, *two_beams([0, 1], [0, cost], [1, 0]))
    assert (fields.cost == cost and found.p_hist != []) == recorded or cost == 0
    assert (found.p_hist != []) == recorded


@pytest.mark.parametrize("name", ["check", "check_crf"])
def test_the_largest_violation_is_kept(name):
    found = MaxViolation()
    for score, delta in [(1, 1), (3, 3), (2, 3), (3, 3), (4, 4)]:
        fields = check(found, name, *two_beams([0, score], [0, 1], [1, 0]))
        assert (fields.delta, fields.cost) == (delta, 1)
    assert found.p_score == (4 if name == "check" else 0)


def test_a_first_violation_may_be_negative():
    """The cost says whether there was one before."""
    found = MaxViolation()
    pred, gold = two_beams([-5], [1], [1])
    gold.fields.states[0].loss = 0
    gold.fields.states[0].score = 2
    fields = check(found, "check", pred, gold)
    assert (fields.cost, fields.delta) == (1, -7)


def test_check_from_python():
    pred, gold = two_beams([0, 1, 2], [0, 1, 1], [1, 0, 0])
    found = MaxViolation()
    assert found.check(pred=pred.beam, gold=gold.beam) == 0
    assert found.check_crf(pred.beam, gold.beam) == 0
    for method_of in (found.check, found.check_crf):
        for arguments in [(None, gold.beam), (pred.beam, None), (pred.beam, "gold"), (pred.beam,)]:
            with pytest.raises(TypeError):
                method_of(*arguments)


def test_results_are_copies():
    pred, gold = two_beams([0, 1, 2], [0, 1, 1], [1, 0, 0])
    found = MaxViolation()
    found.check(pred.beam, gold.beam)
    found.p_hist.append(7)
    assert pred.beam.histories[0] == [2]


def test_pickle():
    pred, gold = two_beams([0, 1, 2], [0, 1, 1], [1, 0, 0])
    found = MaxViolation()
    found.check_crf(pred.beam, gold.beam)
    again = pickle.loads(pickle.dumps(found))
    for name in ("p_hist", "g_hist", "p_probs", "g_probs"):
        assert getattr(again, name) == getattr(found, name) != []
    # the margin too: the same violation is no larger
    again.check_crf(*[driver.beam for driver in two_beams([0, 0, 1.5], [0, 1, 1], [1, 0, 0])])
    assert again.p_hist == [[2], [1]]
    found = MaxViolation()
    found.check(pred.beam, gold.beam)
    again = pickle.loads(pickle.dumps(found))
    for name in ("p_score", "g_score", "Z", "gZ", "p_hist", "g_hist"):
        assert getattr(again, name) == getattr(found, name)


def test_python_can_override_check():
    class Mine(MaxViolation):
        def check(self, pred, gold):
            return 0

    pred, gold = two_beams([0, 1], [0, 1], [1, 0])
    found = Mine()
    check(found, "check", pred, gold)
    assert found.p_hist == []


def test_queue_is_filled_in_c():
    """`_fill` is a slot of its own: an empty queue of C++ is a zeroed vector."""
    driver = Driver(2, 1)
    driver.fill([1, 2])
    queue = (c_void_p * 4)()
    fields = driver.fields
    tables = [cast(table, c_void_p) for table in (fields.scores, fields.is_valid)]
    assert method("_fill")(driver.beam, cast(queue, c_void_p), *tables) == 0
    assert queue[1] - queue[0] == 2 * 16
