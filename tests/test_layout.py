"""Blocks and order: the answers do not depend on how the work is cut."""

import numpy as np
import pytest

import jaxsim as js
from jaxsim.layout import Arrangement, Layout, bucket
from tests.conftest import make_persons, make_population

TARGETS = ("income_tax", "payroll_tax", "household_after_tax_income", "is_senior", "eitc")


@pytest.mark.slow
@pytest.mark.parametrize(
    "blocks", [pytest.param(1, marks=pytest.mark.slow), 7, pytest.param(60, marks=pytest.mark.slow)]
)
def test_columns_do_not_depend_on_blocks(population, sim, blocks):
    cut = js.Simulation(population, 2026, layout=Layout(blocks=blocks))
    whole, parts = sim.columns(*TARGETS), cut.columns(*TARGETS)
    for name in TARGETS:
        np.testing.assert_allclose(parts[name], whole[name], atol=1e-7, err_msg=name)
    assert cut.total("income_tax") == pytest.approx(sim.total("income_tax"), rel=1e-12)


def test_more_blocks_than_households():
    tiny = make_population(3)
    assert js.Simulation(tiny, 2026, layout=Layout(blocks=50)).total("payroll_tax") == pytest.approx(
        js.Simulation(tiny, 2026).total("payroll_tax")
    )


@pytest.mark.slow
def test_row_order_does_not_matter():
    columns = make_persons(120, seed=3)
    columns["person_id"] = np.arange(len(columns["role"]))
    shuffled = np.random.default_rng(0).permutation(len(columns["role"]))
    one = js.Population.from_persons(columns, year=2026)
    two = js.Population.from_persons({k: v[shuffled] for k, v in columns.items()}, year=2026)
    for name in TARGETS:
        a, b = (js.Simulation(p, 2026).calculate(name) for p in (one, two))
        np.testing.assert_allclose(a[name], b[name].reindex(a.index), atol=1e-7)


def test_buckets_are_few_and_leave_padding():
    assert all(n < bucket(n) <= max(n + 8, 1.07 * n + 1) for n in range(1, 100_000, 37))
    assert len({bucket(n) for n in range(1, 300_000)}) < 300


def test_spread_and_restore_are_inverse(population):
    for blocks in (1, 5):
        arrangement = Arrangement(population, blocks)
        for entity in ("person", "tax_unit", "household", "family", "spm_unit"):
            column = np.arange(1.0, population.count(entity) + 1)
            np.testing.assert_array_equal(arrangement.restore(entity, arrangement.spread(entity, column, True)), column)


def test_layouts_are_chosen_by_the_work():
    units = 280_000
    assert Layout().resolve(units)[0] == 1
    assert Layout().resolve(units, reverse=True)[0] > 50
    blocks, chunk = Layout().resolve(units, reforms=1_000, calls=True)
    assert blocks > 100
    assert chunk == 32
    assert Layout(blocks=3, reforms=5).resolve(units, reforms=1_000) == (3, 5)
