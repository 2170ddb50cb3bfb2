"""Simulation: values, mapping between entities, copies, compiled programs, single households."""

import jax
import numpy as np
import pytest

import jaxsim as js
from jaxsim import program
from jaxsim.errors import JaxsimError
from tests.conftest import make_population


def test_calculate_gives_a_frame_by_unit(sim):
    frame = sim.calculate("income_tax", "filing_status")
    assert frame.index.name == "tax_unit_id"
    assert len(frame) == sim.population.count("tax_unit")
    assert set(frame["filing_status"]) <= {"SINGLE", "JOINT", "HEAD_OF_HOUSEHOLD"}


def test_calculate_maps_to_members_and_groups(sim):
    by_household = sim.calculate("income_tax", entity="household")["income_tax"]
    assert by_household.to_numpy() @ sim.weights("household") == pytest.approx(sim.total("income_tax"))
    by_person = sim.calculate("snap", entity="person")
    assert len(by_person) == sim.population.count("person")
    both = sim.calculate("income_tax", "employment_income", entity="household")
    assert list(both.columns) == ["income_tax", "employment_income"]


def test_calculate_asks_for_an_entity(sim):
    with pytest.raises(JaxsimError, match="entity="):
        sim.calculate("income_tax", "employment_income")
    with pytest.raises(JaxsimError, match="household"):
        sim.calculate("income_tax", entity="houshold")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.total("incom_tax"), "income_tax"),
        (lambda s: s.total(), "at least one"),
        (lambda s: s.total(3), "text"),
        (lambda s: js.Simulation("cps", 2026), "load_population"),
        (lambda s: js.Simulation(s.population, 1999), "2022 to 2036"),
        (lambda s: js.Simulation(s.population, 2026, precision="float16"), "float32"),
        (lambda s: s.with_weights([1.0]), "one weight a household"),
        (lambda s: s.with_column("employment_incom", [1]), "employment_income"),
        (lambda s: s.with_column("employment_income", [1.0]), "rows"),
        (lambda s: s.explain("ctc", household=10**9), "no household"),
        (lambda s: s.marginal_tax_rate("filing_status"), "no slope"),
        (lambda s: s.marginal_tax_rate("wages"), "not an input"),
        (lambda s: s.marginal_tax_rate(step=0.0), "step"),
        (lambda s: s.gradient("income_tax", parameters="irs.credit"), r"irs\.credits"),
        (lambda s: s.vary("income_tax", {}), "at least one"),
        (lambda s: s.vary("income_tax", {"irs.credits.ctc.amonut": [1]}), r"irs\.credits\.ctc\.amount"),
        (lambda s: s.vary("income_tax", {"irs.deductions.standard.amount": [1.0, 2.0]}), "cells"),
        (lambda s: s.vary("income_tax", {"irs.credits.ctc.amount": 1.0}), "array"),
        (
            lambda s: s.vary("income_tax", {"irs.credits.ctc.amount": [1.0], "irs.credits.ctc.phase_out.rate": [0, 0]}),
            "values",
        ),
        (lambda s: s.vary("income_tax", {"irs.credits.ctc.amount": [-1.0]}), "valid range"),
        (lambda s: s.vary("income_tax", {"irs.credits.ctc.amount": ["a"]}), "numbers"),
        (lambda s: s.vary("income_tax", {"irs.credits.ctc.amount": []}), "one value a reform"),
        (lambda s: s.vary("income_tax", [1, 2]), "mapping"),
        (lambda s: s.vary("income_tax", {"irs.indexing.chained_cpi": [1.0]}), "index"),
        (lambda s: s.impact(None), "a reform is"),
        (lambda s: s.impact(5), "a reform is"),
        (lambda s: js.Reform({}) + 5, "a reform is"),
        (lambda s: s.gradient("income_tax", parameters=["irs.credits", 5]), "text"),
        (lambda s: s.gradient("income_tax", smooth="wide"), "above 0"),
        (lambda s: s.gradient("income_tax", smooth=-5), "above 0"),
        (lambda s: s.marginal_tax_rate(step="1000"), "step"),
        (lambda s: s.function("eitc", reduce="sum"), "reduce"),
        (lambda s: s.total("filing_status"), "category"),
        (lambda s: s.with_rules(print), "not a rule"),
        (lambda s: js.Simulation(s.population, 2026, layout=5), "layout"),
        (lambda s: js.Simulation(s.population, 2026, law=5), "law"),
        (lambda s: js.Simulation(s.population, "2026"), "'2026'"),
        (lambda s: js.Layout(blocks=-1), "at least 1"),
        (lambda s: s.vary("income_tax", {"irs.credits.ctc.amount": [1.0]}, kernel="fast"), "kernel"),
    ],
)
def test_errors_say_what_to_do(sim, call, message):
    with pytest.raises(JaxsimError, match=message):
        call(sim)


def test_total_is_the_weighted_sum(sim):
    frame = sim.calculate("eitc")["eitc"]
    assert sim.total("eitc") == pytest.approx(float(frame.to_numpy() @ sim.weights("tax_unit")))
    assert list(sim.total("eitc", "ctc").index) == ["eitc", "ctc"]


def test_copies_share_nothing_they_change(sim):
    before = sim.total("income_tax")
    reformed = sim.with_reform({"irs.credits.ctc.amount": 5_000})
    doubled = sim.with_weights(2 * sim.population.weights)
    assert reformed.total("income_tax") < before
    assert doubled.total("income_tax") == pytest.approx(2 * before)
    assert sim.total("income_tax") == before


@pytest.mark.slow
def test_float32_is_close_to_float64(sample):
    quick = js.Simulation(sample.population, 2026, precision="float32", age=False)
    targets = ("income_tax", "payroll_tax", "eitc", "refundable_ctc", "adjusted_gross_income")
    exact, rounded = sample.total(*targets), quick.total(*targets)
    np.testing.assert_allclose(rounded, exact, rtol=3e-6)


def test_the_global_flag_is_not_flipped(sim):
    sim.total("income_tax")
    assert not jax.config.jax_enable_x64
    assert jax.numpy.ones(1).dtype == np.float32


# --- one compiled program serves values, years and populations of like size ---------------------------------------


def test_values_years_and_sizes_do_not_retrace():
    one, two = make_population(500, seed=1), make_population(505, seed=13)  # of one bucket, dependents included
    target = ("eitc",)
    compiled = program.compiled(program.totals, js.Simulation(one, 2026).system, target)
    reverse = program.compiled_gradient(js.Simulation(one, 2026).system, target)
    answers = set()
    counts = []
    for population, year, reform in (
        (one, 2026, None),
        (one, 2023, None),
        (one, 2034, {"irs.credits.ctc.amount": 1_000}),
        (two, 2025, {"irs.credits.eitc.phase_in_rate.1": 0.5}),
    ):
        sim = js.Simulation(population, year, reform=reform, age=False, layout=js.Layout(blocks=1))
        answers.add(round(sim.total(*target)))
        sim.gradient(*target, smooth=False)
        counts.append((compiled._cache_size(), reverse._cache_size()))
    assert len(answers) == 4
    assert len(set(counts)) == 1, f"compiled again: {counts}"


# --- pure functions for the user's own transformations ------------------------------------------------------------


def test_user_transformations(sim):
    f = sim.function("eitc")
    with js.precision("float64"):
        value = f(f.parameters, f.population)
        assert float(value) == pytest.approx(sim.total("eitc"))
        gradient = jax.jit(jax.grad(f))(f.parameters, f.population)
        several = jax.tree.map(lambda x: np.stack([x, 1.1 * x]), f.parameters)
        values = jax.jit(jax.vmap(f, in_axes=(0, None)))(several, f.population)
        gradients = jax.vmap(jax.grad(f), in_axes=(0, None))(several, f.population)
    table = sim.gradient("eitc", smooth=False)["gradient"]
    path = "irs.credits.eitc.phase_in_rate.2"
    leaf = path.rpartition(".")[0]
    assert float(gradient[leaf][2]) == pytest.approx(table[path])
    assert float(values[0]) == pytest.approx(float(value))
    assert float(gradients[leaf][0][2]) == pytest.approx(table[path])
    assert float(values[1]) != float(values[0])


def test_derivative_by_weights_and_inputs_of_the_pure_function(sim):
    f = sim.function("income_tax")
    with js.precision("float64"):
        by_block = jax.grad(f, argnums=1, allow_int=True)(f.parameters, f.population)
    amounts, weights = np.asarray(by_block.weights["tax_unit"]), np.asarray(f.population.weights["tax_unit"])
    assert (amounts * weights).sum() == pytest.approx(sim.total("income_tax"))


def test_float64_without_the_mode_is_refused(sim):
    f = sim.function("income_tax")
    with pytest.raises(js.PrecisionError, match="precision"):
        f(f.parameters, f.population)


def test_float32_function_needs_no_scope(population):
    f = js.Simulation(population, 2026, precision="float32").function("income_tax", "eitc")
    assert jax.jit(f)(f.parameters, f.population).shape == (2,)
    columns = js.Simulation(population, 2026, precision="float32").function("eitc", reduce=None)
    assert set(columns(columns.parameters, columns.population)) == {"eitc"}


# --- single households --------------------------------------------------------------------------------------------


def test_household_in_keywords():
    home = js.household(adults=[dict(age=35, employment_income=60_000)], children=[5], state="CA", year=2026)
    assert home.total("ctc") == 2_200
    assert home.calculate("filing_status")["filing_status"].tolist() == ["HEAD_OF_HOUSEHOLD"]
    assert home.population.tables["household"]["state_fips"].tolist() == [6]
    couple = js.household(adults=[{}, {}], taxable_interest_income=500)
    assert couple.total("adjusted_gross_income") == 500


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(adults=[]), "one or two"),
        (dict(adults=[{}, {}, {}]), "one or two"),
        (dict(adults=[dict(emploment_income=1)]), "employment_income"),
        (dict(adults=[{}], state="ZZ"), "unknown state"),
        (dict(adults=[{}], snapp=1), "snap"),
        (dict(adults=[{}], employment_income=1), "adult"),
        (dict(adults=[{}], filing_status="JOINT"), "spouse"),
        (dict(adults=[{}], filing_status="MARRIED"), "SINGLE"),
        (dict(adults=[dict(age="old")]), "not a number"),
        (dict(adults=[dict(age=-1)]), "outside"),
        (dict(adults=[dict(snap=1)], snap=2), "person and on the household"),
        (dict(adults=dict(age=35)), "a list"),
        (dict(adults=[35]), "not a mapping"),
        (dict(adults=[{}], children=5), "a list"),
        (dict(adults=[{}], children=["five"]), "five"),
        (dict(adults=[{}], state="California"), "two letters"),
    ],
)
def test_household_errors(arguments, message):
    with pytest.raises(js.InputError, match=message):
        js.household(**arguments)


def test_explain_walks_back_to_inputs_and_citations():
    home = js.household(adults=[dict(age=35, employment_income=60_000)], children=[5])
    told = home.explain("refundable_ctc")
    text = str(told)
    for piece in (
        "26 USC 24",
        "irs.credits.ctc.refundable.maximum = 1,700",
        "employment_income = 60,000.00",
        "see above",
    ):
        assert piece in text
    assert told.value == (0.0,)
    assert "<div" in told._repr_html_()
    assert len(told.lines(depth=1)) < len(told.lines())


def test_explain_one_unit(sim):
    unit = int(sim.population.tables["tax_unit"]["tax_unit_id"][5])
    told = sim.explain("income_tax", unit=unit)
    assert told.value[0] == pytest.approx(sim.calculate("income_tax").loc[unit, "income_tax"])


@pytest.mark.slow
def test_inputs_that_data_lack_are_scalars_and_change_nothing(
    population: js.Population, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What follows from missing inputs alone is computed once for all rows: same values, derivatives and rates."""
    from jaxsim import simulation

    targets = ("income_tax", "payroll_tax", "household_after_tax_income", "person_self_employment_tax")
    columns = js.Simulation(population, 2026)
    monkeypatch.setattr(simulation, "SCALARS_FROM", 1)
    scalars = js.Simulation(population, 2026)
    block = scalars.arguments(*targets)[1]
    assert block.columns["farm_income"].ndim == 0
    assert block.columns["employment_income"].ndim == 1
    for name, value in columns.columns(*targets).items():
        np.testing.assert_allclose(scalars.columns(*targets)[name], value, atol=1e-9, err_msg=name)
    for options in ({"smooth": False}, {"smooth": 2_000.0}):
        want = columns.gradient("taxable_income", **options)["gradient"]
        got = scalars.gradient("taxable_income", **options)["gradient"].reindex(want.index)
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-6 * want.abs().max())
    rates = [sim.marginal_tax_rate("farm_income") for sim in (columns, scalars)]
    np.testing.assert_allclose(rates[1], rates[0], atol=1e-12)
    several = js.Simulation(population, 2026, layout=js.Layout(blocks=3))
    assert several.arguments(*targets)[1].columns["farm_income"].shape == (3,)
    assert several.total("income_tax") == pytest.approx(columns.total("income_tax"), rel=1e-12)
    assert several.vary("income_tax", {"irs.credits.ctc.amount": [2200.0, 3000.0]})["income_tax"][0] == pytest.approx(
        columns.total("income_tax"), rel=1e-12
    )
