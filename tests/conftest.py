"""Shared fixtures: small populations made here, and the bundled sample."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator

if "PYTEST_XDIST_WORKER" not in os.environ:
    # A folder of this run alone, empty at first: files of tests and both workers compile the same programs, and the
    # user's own cache stays as it is. Set before JAX is imported; workers inherit it.
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="jaxsim-tests-")
    os.environ.setdefault(
        "OMP_NUM_THREADS", "1"
    )  # workers share the cores: threads that wait for each other cost tenfold

import jax
import numpy as np
import pytest

import jaxsim as js

LONGEST = ("test_gradients", "test_properties", "test_notebook", "test_calibration_notebook",
           "test_imputation_notebook", "test_readme", "test_duals", "test_fitting")  # fmt: skip
"""Files that take minutes: they begin first, so that no worker is left with one of them at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem not in LONGEST)


def pytest_unconfigure(config: pytest.Config) -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        shutil.rmtree(os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)


@pytest.fixture(scope="module", autouse=True)
def compiled_programs() -> Iterator[None]:
    """Compiled programs of the whole law take gigabytes: none outlives its file of tests."""
    yield
    jax.clear_caches()


@pytest.fixture(scope="module")
def quick_programs() -> Iterator[None]:
    """Programs are compiled with few optimisations: small tests spend their time on compiling, and this halves it."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


QUICK_PROGRAMS = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
"""What `quick_programs` does, for processes that tests start."""


def make_persons(households: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Columns of persons in plausible random households: singles, couples, children, two units in some."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, float]] = []
    unit = 0
    for h in range(households):
        for _ in range(1 + (rng.random() < 0.15)):
            married = rng.random() < 0.5
            children = rng.choice([0, 0, 0, 1, 2, 3, 4])
            roles = [0] + [1] * married + [2] * children
            for role in roles:
                adult = role < 2
                rows.append(
                    {
                        "household_id": h,
                        "tax_unit_id": unit,
                        "role": role,
                        "age": rng.integers(19, 90) if adult else rng.integers(0, 19),
                        "is_blind": float(adult and rng.random() < 0.02),
                        "employment_income": adult * (rng.random() < 0.7) * np.round(rng.lognormal(10.6, 0.9)),
                        "self_employment_income": adult * (rng.random() < 0.15) * np.round(rng.normal(15_000, 25_000)),
                        "taxable_interest_income": (role == 0) * np.round(rng.exponential(800)),
                        "ordinary_dividend_income": (role == 0) * np.round(rng.exponential(500)) + 300,
                        "qualified_dividend_income": (role == 0) * np.round(rng.random() * 300),
                        "long_term_capital_gains": (role == 0) * (rng.random() < 0.2) * np.round(rng.normal(5e3, 2e4)),
                        "social_security": adult * (rng.random() < 0.25) * np.round(rng.normal(19_000, 5_000)),
                        "cash_charity": (role == 0) * np.round(rng.exponential(2_000)),
                        "deductible_interest_expense": (role == 0) * np.round(rng.exponential(8_000)),
                        "real_estate_tax": (role == 0) * np.round(rng.exponential(4_000)),
                        "household_weight": 100 + h % 7,
                    }
                )
            unit += 1
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    columns["social_security"] = np.maximum(columns["social_security"], 0)
    return columns


def make_population(households: int, seed: int = 0, year: int = 2026) -> js.Population:
    return js.Population.from_persons(make_persons(households, seed), year=year, source=f"made of {households}")


@pytest.fixture(scope="session")
def population() -> js.Population:
    return make_population(400)


@pytest.fixture(scope="session")
def sim(population: js.Population) -> js.Simulation:
    return js.Simulation(population, 2026)


@pytest.fixture(scope="session")
def sample() -> js.Simulation:
    """The bundled sample in 2026."""
    return js.Simulation(js.load_population("cps_sample"), 2026)
