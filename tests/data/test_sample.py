"""The bundled sample, and sampling."""

from __future__ import annotations

import numpy as np
import pytest

from jaxsim.data import load_population
from jaxsim.data.sample import BUNDLED, CERTAIN, compare, household_income, strata, stratified_sample
from jaxsim.errors import InputError
from jaxsim.population import Population


@pytest.fixture(scope="module")
def base() -> Population:
    return load_population("cps_sample")


@pytest.fixture(scope="module")
def small(base: Population) -> Population:
    return stratified_sample(base, 4_000)


def rows_of(population: Population, sample: Population) -> np.ndarray:
    """Household rows of the sample in the population."""
    return np.searchsorted(population.tables["household"]["household_id"], sample.tables["household"]["household_id"])


def test_bundled_sample(base: Population) -> None:
    assert 19_000 < base.count("household") < 21_000
    assert sum(file.stat().st_size for file in BUNDLED.iterdir()) < 1.5e6
    assert base.source == "cps_sample"
    assert base.year == 2014
    assert {"source", "licence", "base year", "lacks", "notes", "irreconcilable units", "sample"} <= set(base.card)
    assert base.weights.sum() / 1e6 == pytest.approx(123.343, abs=1e-3)


def test_bundled_sample_passes_the_checks_it_is_spared(base: Population) -> None:
    checked = Population.from_parquet(BUNDLED)
    assert checked.digest() == base.digest()
    assert checked.provided == base.provided


def test_bundled_sample_holds_what_it_says_it_provides(base: Population) -> None:
    for table in base.tables.values():
        for name, column in table.items():
            if name in base.provided:
                assert column.any(), name


def test_size(small: Population) -> None:
    assert 3_800 < small.count("household") < 4_600


def test_strata_keep_their_weight(base: Population, small: Population) -> None:
    """Exactly, but for the certain households that make up part of a stratum: they keep their own weights."""
    of_base = strata(base)
    of_small = of_base[rows_of(base, small)]
    n = of_base.max() + 1
    before = np.bincount(of_base, weights=base.weights, minlength=n)
    after = np.bincount(of_small, weights=small.weights, minlength=n)
    assert np.allclose(before, after, rtol=1e-9)


def test_highest_incomes_are_all_kept(base: Population, small: Population) -> None:
    income = household_income(base)
    certain = np.argsort(-income)[: int(CERTAIN * 4_000)]
    rows = rows_of(base, small)
    assert np.isin(certain, rows).all()
    assert np.array_equal(small.weights[np.isin(rows, certain)], base.weights[np.sort(certain)])


def test_amounts_are_near(base: Population, small: Population) -> None:
    for name, (total, error) in compare(base, small).items():
        if total > 5e10:
            assert abs(error) < 0.02, name


def test_deterministic_by_seed(base: Population, small: Population) -> None:
    assert stratified_sample(base, 4_000).digest() == small.digest()
    assert stratified_sample(base, 4_000, seed=1).digest() != small.digest()


def test_a_sample_of_everything_is_everything(base: Population) -> None:
    assert stratified_sample(base, base.count("household")) is base


@pytest.mark.parametrize("households", [0, -5])
def test_a_sample_of_nothing_is_refused(base: Population, households: int) -> None:
    with pytest.raises(InputError, match="ask for one or more"):
        stratified_sample(base, households)


def test_units_stay_whole(base: Population, small: Population) -> None:
    rows = rows_of(base, small)
    persons = np.bincount(base.links["household_of_person"])[rows]
    assert np.array_equal(np.bincount(small.links["household_of_person"]), persons)


def test_bundled_sample_stands_for_the_whole_file(base: Population) -> None:
    pytest.importorskip("taxcalc", reason="the whole CPS file comes with Tax-Calculator")
    whole = load_population("cps")
    not_in_sample = {"miscellaneous_expense"}  # the law of the years covered allows no deduction of them
    for name, (total, error) in compare(whole, base).items():
        if total > 5e9 and name not in not_in_sample:
            assert abs(error) < 0.005, name
