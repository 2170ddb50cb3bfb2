"""Executors: threads, and Ray's actors, which may die."""

import functools
import os
import threading
import time

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

import jaxsim as js
from jaxsim.sweep import Local, Ray, executors
from jaxsim.sweep.run import Recipe, Work
from tests.conftest import make_population

PLAN = js.grid({"irs.payroll.social_security.wage_base": np.linspace(100_000, 300_000, 48)})  # 6 chunks of 8
OUTCOMES = ["payroll_tax", js.Measure("earned", "person", amounts=lambda employment_income: employment_income)]

assert_same = functools.partial(assert_frame_equal, check_exact=True)


@pytest.fixture(scope="module")
def small():
    return js.Simulation(make_population(60), 2026, layout=js.Layout(reforms=8))


@pytest.fixture(scope="module")
def go(small):
    def go(executor, out=None, **options):
        given = {"precision": "float64", "chunk": 8, "progress": False, **options}
        return js.sweep(small, PLAN, OUTCOMES, out=out, executor=executor, **given)

    return go


@pytest.fixture(scope="module")
def whole(go):
    return go(Local(1)).table


@pytest.fixture(scope="module")
def ray():
    found = pytest.importorskip("ray", reason="the extra `cluster` is not installed")
    yield found
    found.shutdown()


@pytest.fixture
def cores(ray, go):
    """Cores of the cluster, started if it is not."""
    if not ray.is_initialized():
        go(Ray(1))
    return ray.cluster_resources()["CPU"]


# --- threads


def test_threads_give_the_same_and_end(go, whole):
    before = threading.active_count()
    for workers in (1, 3, 16):
        assert_same(go(Local(workers)).table, whole)
    assert threading.active_count() == before


def test_threads_stop_between_calls():
    """When the sweep ends early, a chunk under way is given up before its next call."""
    stopped = threading.Event()

    def work(values, stop, tick):
        if values == 0:
            return values
        while not stop():
            time.sleep(0.001)
        stopped.set()
        return values

    chunks = Local(2).run([0, 1, 2], lambda chunk: chunk, work, lambda n: None)
    assert next(chunks) == (0, 0)
    chunks.close()
    assert stopped.is_set()


def test_any_executor_will_do(go, whole):
    class Backwards:
        """Yields from the last chunk to the first; has no `close`."""

        workers = 1

        def run(self, chunks, values, work, tick):
            return iter([(chunk, work(values(chunk))) for chunk in reversed(chunks)])

    assert_same(go(Backwards()).table, whole)


def test_a_recipe_makes_the_same_work(go, small, whole):
    """What goes to another process: without compiled programs and without arrays on a device."""
    cloudpickle = pytest.importorskip("ray", reason="the extra `cluster` is not installed").cloudpickle
    work = Work(small, js.measures.resolve(small, OUTCOMES), tuple(PLAN.values), laws=len(PLAN))
    sent = cloudpickle.dumps(work.recipe())
    made = cloudpickle.loads(sent)
    assert isinstance(made, Recipe)
    _, values = PLAN.table(small.law)
    np.testing.assert_array_equal(made.build()(values[:8]), whole.iloc[:8, 1:])
    assert made.build().kernel.layout == work.kernel.layout


# --- Ray


class Mortal(Ray):
    """Actors of which some die as they start on the chunk that begins with a value.

    A file remembers who died: each time but the last `deaths` times an actor kills its own process.
    """

    def __init__(self, folder, deaths, **options):
        super().__init__(**options)
        self.folder, self.deaths = folder, deaths

    def run(self, chunks, values, work, tick):
        return super().run(chunks, values, Deadly(work, self.folder, self.deaths, values(2)[0, 0]), tick)


class Deadly:
    def __init__(self, inner, folder, deaths, value):
        self.inner, self.folder, self.deaths, self.value = inner, folder, deaths, value

    def recipe(self):
        return Deadly(self.inner.recipe(), self.folder, self.deaths, self.value)

    def build(self):
        return Deadly(self.inner.build(), self.folder, self.deaths, self.value)

    def __call__(self, values):
        if values[0, 0] == self.value and len(list(self.folder.iterdir())) < self.deaths:
            (self.folder / str(os.getpid())).touch()
            os.kill(os.getpid(), 9)
        return self.inner(values)


@pytest.fixture
def deaths(tmp_path):
    folder = tmp_path / "deaths"
    folder.mkdir()
    return folder


def test_actors_give_the_same(ray, go, whole, tmp_path, capsys):
    made = go(Ray(2), out=tmp_path / "run", progress=True)
    assert_same(made.table, whole)
    assert "48/48" in capsys.readouterr().out
    assert_same(go("ray", precision="float32", check=0).table, go("local", precision="float32", check=0).table)


def test_the_chunk_of_an_actor_that_dies_goes_to_another(ray, go, whole, deaths):
    made = go(Mortal(deaths, 2, workers=2))
    assert_same(made.table, whole)
    assert len(list(deaths.iterdir())) == 2


@pytest.mark.slow
def test_a_chunk_on_which_all_actors_die_is_given_up(ray, go, whole, deaths, tmp_path):
    with pytest.raises(js.JaxsimError, match="chunk 2: 2 workers died on it, perhaps for want of memory"):
        go(Mortal(deaths, 99, workers=1, attempts=2), out=tmp_path / "run")
    assert len(list(deaths.iterdir())) == 2
    kept = js.open_sweep(tmp_path / "run")
    assert_same(kept.table, whole.iloc[:16])
    assert_same(go(Ray(1), out=tmp_path / "run").table, whole)


@pytest.mark.slow
def test_actors_that_die_as_they_start_are_given_up(ray, go):
    class Stillborn(Ray):
        def run(self, chunks, values, work, tick):
            return super().run(chunks, values, Unmakable(), tick)

    with pytest.raises(js.JaxsimError, match=r"3 workers died as they started.*cannot be made here"):
        go(Stillborn(1))


class Unmakable:
    def recipe(self):
        return self

    def build(self):
        raise RuntimeError("cannot be made here")


def test_an_error_in_an_actor_is_told(ray, go, small):
    def broken(payroll_tax):
        return [payroll_tax, payroll_tax]  # two figures of one name

    with pytest.raises(js.JaxsimError, match="measure 'broken' gives 2 figures where 1 are named"):
        js.sweep(small, PLAN, broken, precision="float64", executor=Ray(1), progress=False)


def test_actors_that_the_cluster_has_no_room_for_are_not_waited_for(cores, go, whole):
    assert_same(go(Ray(5, options={"num_cpus": cores})).table, whole)


def test_a_cluster_without_room_is_told(ray, go, monkeypatch):
    monkeypatch.setattr(executors, "PATIENCE", 0.1)
    with pytest.raises(UserWarning, match=r"no worker has started yet: has the cluster .*'num_gpus': 99"):
        go(Ray(1, options={"num_gpus": 99}))  # warnings are errors here, or it would wait on


def test_no_actor_is_left(ray, cores, go):
    go(Ray(2))
    deadline = time.monotonic() + 30  # Ray counts what is free a moment later
    while ray.available_resources().get("CPU") != cores and time.monotonic() < deadline:
        time.sleep(0.1)
    assert ray.available_resources().get("CPU") == cores
