"""Derivatives: equal to central differences off kinks, honest about steps, finite everywhere."""

import jax
import numpy as np
import pytest

import jaxsim as js
from jaxsim import gradients, program, steps
from jaxsim.precision import precision
from jaxsim.rules.us.entities import TaxUnit
from tests.conftest import make_population

OUTCOME = "household_side_tax"
TOLERANCE = 1e-6  # relative to the derivative, or to 1 where it is smaller: float64 noise at these steps is 1e-9


def off_kinks(low, middle, high, h, slope):
    """Rows whose second difference is negligible: no kink or step within the difference."""
    bend = np.abs(high - 2 * middle + low) / h
    return bend <= TOLERANCE * np.maximum(1, np.abs(slope))


@pytest.mark.parametrize(
    "column",
    [
        "employment_income",
        pytest.param("self_employment_income", marks=pytest.mark.slow),
        pytest.param("taxable_interest_income", marks=pytest.mark.slow),
        pytest.param("social_security", marks=pytest.mark.slow),
    ],
)
def test_marginal_rates_equal_central_differences(sample, column):
    h = 0.25
    entity = sample.system.inputs[column].entity.name
    pop = sample.population
    moved = np.ones(pop.count(entity), bool) if entity == "tax_unit" else pop.tables["person"]["role"] == 0
    base = pop.tables[entity][column]
    moved &= np.abs(base) >= h  # the first dollar is a kink for nearly everybody
    rates = sample.marginal_tax_rate(column, outcome=OUTCOME).to_numpy()
    low, middle, high = (sample.with_column(column, base + s * moved).columns(OUTCOME)[OUTCOME] for s in (-h, 0.0, h))
    home = np.arange(len(base)) if entity == "tax_unit" else pop.links["tax_unit_of_person"]
    difference = ((high - low) / (2 * h))[home][moved]
    smooth = off_kinks(low, middle, high, h, (high - low) / (2 * h))[home][moved]
    np.testing.assert_allclose(rates[moved][smooth], difference[smooth], atol=TOLERANCE)
    print(f"{column}: {(~smooth).mean():.3%} of {moved.sum():,} rows left out for kinks")  # seen with pytest -s
    assert smooth.mean() > 0.99


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.slow)])
def test_parameter_derivatives_equal_central_differences_household_by_household(sample, every):
    """Cells the outcome depends on, one in `every`, for every tax unit: forward mode against differences."""
    target = ("combined_tax",)
    parameters, block = sample.arguments(*target)
    names, values = gradients._cells(sample, parameters)
    unit_of = {cell: leaf.unit for leaf in sample.law.leaves.values() for cell in leaf.cell_names()}
    with precision("float64"):

        def column(flat):
            at, leaves = 0, {}
            for path, leaf in parameters.items():
                size = int(np.size(leaf))
                leaves[path] = flat[at : at + size].reshape(np.shape(leaf))
                at += size
            tree = js.Parameters.from_paths(leaves)
            return program.columns(sample.system, target, tree, block)["combined_tax"]

        value = jax.jit(column)
        slope = jax.jit(lambda flat, along: jax.jvp(column, (flat,), (along,))[1])
        middle = np.asarray(value(values))
        checked, left_out, compared = 0, 0, 0
        for i, name in list(enumerate(names))[::every]:
            along = np.zeros(len(values))
            along[i] = 1.0
            exact = np.asarray(slope(values, along))
            if not np.any(exact):
                continue
            dollars = unit_of[name].startswith("USD")
            h = 0.01 if dollars else 1e-4 * max(abs(values[i]), 0.1)
            low, high = np.asarray(value(values - h * along)), np.asarray(value(values + h * along))
            difference = (high - low) / (2 * h)
            smooth = off_kinks(low, middle, high, h, difference)
            noise = (
                8 * np.finfo(float).eps * np.abs(middle) / h
            )  # of the difference itself, felt by incomes of millions
            worst = (np.abs(exact - difference) - noise)[smooth] / np.maximum(1, np.abs(difference))[smooth]
            assert worst.max() < TOLERANCE, f"{name}: {worst.max()}"
            checked += 1
            compared += len(smooth)
            left_out += (~smooth).sum()
    print(f"{checked} parameter cells: {left_out / compared:.4%} of {compared:,} unit-cells left out for kinks")
    assert checked > 100 / every
    assert left_out / compared < 0.01


def test_may_step_certifies_the_rest():
    sim = js.Simulation(make_population(200), 2026)
    parameters, block = sim.arguments("income_tax")
    found = steps.may_step(sim.system, "income_tax", parameters, block)
    assert {"irs.credits.ctc.phase_out.threshold", "irs.credits.ctc.phase_out.increment"} <= found
    assert {"irs.credits.eitc.investment_income_limit", "irs.deductions.senior.minimum_age"} <= found
    assert "irs.income_tax.rates.rate" in found  # brackets below 25 percent set the room of 26 USC 1(h)(1)(E)
    assert not {"irs.credits.ctc.amount", "irs.credits.eitc.phase_in_rate"} & found


def test_may_step_does_not_depend_on_the_layout():
    population = make_population(60)
    found = []
    for blocks in (3, None):
        steps._known.clear()
        sim = js.Simulation(population, 2026, layout=js.Layout(blocks=blocks))
        found.append(steps.may_step(sim.system, "income_tax", *sim.arguments("income_tax")))
    assert found[0] == found[1]
    assert len(found[0]) > 20


def test_a_loop_in_a_rule_counts_as_a_step(sim):
    @js.rule(TaxUnit, parameters="irs.credits.ctc")
    def looped(eitc, p):
        """Hides a comparison in a loop."""
        return jax.lax.fori_loop(0, 3, lambda _, x: jax.numpy.where(x > p.amount, x, 0.0), eitc)

    changed = sim.with_rules(looped)
    assert "irs.credits.ctc.amount" in steps.may_step(changed.system, "looped", *changed.arguments("looped"))


@pytest.mark.slow
def test_what_is_certified_has_no_step(sample):
    """A certified parameter's total is continuous: halving the change halves the difference."""
    table = sample.gradient("income_tax", smooth=False)
    certified = table[~table["may step"] & (table["gradient"] != 0)]
    assert len(certified) > 30
    for name in certified.index[:: max(1, len(certified) // 12)]:
        value = certified.loc[name, "value"]
        h = 1e-5 * max(abs(value), 1e-3)
        near = {name: np.array([value, value + h, value + 2 * h])}
        first, second = np.diff(sample.vary("income_tax", near, kernel="generic")["income_tax"].to_numpy())
        assert abs(second - first) <= 1e-3 * abs(first) + 1.0, name


@pytest.mark.slow
def test_steps_that_matter_are_flagged_and_smoothed(sample):
    table = sample.gradient("income_tax", parameters=["irs.deductions.senior", "irs.credits"], differences=True)
    age = table.loc["irs.deductions.senior.minimum_age"]
    assert age["gradient"] == 0
    assert age["may step"]
    assert age["matters here"]
    assert age["smoothed"] == pytest.approx(age["difference"], rel=0.1)
    limit = table.loc["irs.credits.eitc.investment_income_limit"]
    assert limit["gradient"] == 0
    assert limit["smoothed"] < 0  # a higher limit costs revenue
    assert limit["smoothed"] == pytest.approx(limit["difference"], rel=0.35)
    for name in ("irs.credits.ctc.phase_out.increment", "irs.credits.ctc.phase_out.threshold.JOINT"):
        assert table.loc[name, "smoothed"] == pytest.approx(table.loc[name, "difference"], rel=0.35), name
    certain = table.loc["irs.credits.ctc.amount"]
    assert not certain["may step"]
    assert not certain["matters here"]


def test_one_step_smooths_to_its_central_difference(sample):
    """With a single step on the way the smoothed gradient is the difference over the window, to rounding."""
    width = 3_000.0
    f = sample.function("is_eitc_eligible", smooth={"USD": width})
    path = "irs.credits.eitc.investment_income_limit"
    with js.precision("float64"):
        smoothed = float(jax.grad(f)(f.parameters, f.population)[path])
    limit = float(f.parameters[path])
    high, low = sample.vary("is_eitc_eligible", {path: np.array([limit + width / 2, limit - width / 2])})[
        "is_eitc_eligible"
    ]
    assert smoothed == pytest.approx((high - low) / width, rel=1e-9)


def test_windows_that_reach_a_mass_of_rows_are_flagged():
    """Interest of exactly $9,000 for all: the window around the limit of $12,200 reaches it or not."""
    n = 400
    population = js.Population.from_persons(
        {
            "household_id": np.arange(n), "tax_unit_id": np.arange(n), "role": np.zeros(n), "age": np.full(n, 40.0),
            "employment_income": np.full(n, 8_000.0), "taxable_interest_income": np.full(n, 9_000.0),
        },
        year=2026,
    )  # fmt: skip
    sim = js.Simulation(population, 2026)
    path = "irs.credits.eitc.investment_income_limit"
    assert sim.gradient("eitc", parameters=path, smooth=7_000.0)["depends on window"].all()
    assert not sim.gradient("eitc", parameters=path, smooth=1_000.0)["depends on window"].any()


@pytest.mark.slow
def test_zeros_are_not_near_a_minimum(sample):
    table = sample.gradient("income_tax", parameters="irs.deductions.qbi", differences=True)
    row = table.loc["irs.deductions.qbi.minimum_deduction"]
    assert row["smoothed"] == pytest.approx(row["difference"], rel=0.1)


@pytest.mark.slow
def test_no_support_in_data(sample):
    table = sample.gradient("income_tax", smooth=False)
    flagged = table.index[table["no support in data"]]
    assert any(name.startswith("irs.deductions.qbi.wage_rate") for name in flagged)  # the CPS has no W-2 wages
    assert (table.loc[flagged, "gradient"] == 0).all()
    assert not table.loc["irs.credits.ctc.amount", "no support in data"]


@pytest.mark.slow
def test_elasticity_sorts_the_table(sample):
    table = sample.gradient("income_tax", parameters="irs.credits.ctc", smooth=False)
    assert (table["elasticity"].abs().diff().dropna() <= 1e-15).all()
    row = table.loc["irs.credits.ctc.amount"]
    assert row["elasticity"] == pytest.approx(row["gradient"] * 2200 / sample.total("income_tax"))
    assert all(name.startswith("irs.credits.ctc.") for name in table.index)


@pytest.mark.slow
def test_jacobian_rows_are_gradients(sim):
    table = sim.jacobian("income_tax", "eitc", parameters="irs.credits")
    single = sim.gradient("eitc", parameters="irs.credits", smooth=False)["gradient"]
    np.testing.assert_allclose(table["eitc"].reindex(single.index), single, rtol=1e-10)


@pytest.mark.slow
def test_hessian_vector_is_the_second_derivative(sim):
    """Beside two forward passes of automatic differentiation by one cell."""
    cell, width = "irs.deductions.standard.amount.SINGLE", 4_000.0
    product = sim.hessian_vector("regular_tax", {cell: 1.0}, smooth=width)
    f = sim.function("regular_tax", smooth=width, kinks=True)
    path = "irs.deductions.standard.amount"

    def along(x):
        amounts = f.parameters[path] + x * np.eye(len(f.parameters[path]))[0]
        return f(f.parameters.replace({path: amounts}), f.population)

    with js.precision("float64"):
        second = float(jax.jit(jax.jvp, static_argnums=0)(lambda x: jax.jvp(along, (x,), (1.0,))[1], (0.0,), (1.0,))[1])
    assert product[cell] == pytest.approx(second, rel=1e-3)
    assert second != 0
    twice = sim.hessian_vector("regular_tax", {cell: 2.0}, smooth=width)
    np.testing.assert_allclose(twice, 2 * product, rtol=1e-6, atol=1e-6)
    with pytest.raises(js.ParameterError, match="standard"):
        sim.hessian_vector("regular_tax", {"irs.deductions.standard.amount.SINGEL": 1.0})
    with pytest.raises(js.ParameterError, match="zero"):
        sim.hessian_vector("regular_tax", {cell: 0.0})


@pytest.mark.slow
def test_weight_and_input_derivatives(sim):
    by_weight = sim.weight_derivative("income_tax")
    assert by_weight.to_numpy() @ sim.population.weights == pytest.approx(sim.total("income_tax"))
    by_input = sim.input_derivative("income_tax", "taxable_interest_income")
    own = sim.marginal_tax_rate("taxable_interest_income", outcome="income_tax")
    np.testing.assert_allclose(by_input, own * sim.weights("tax_unit"))


def test_each_spouse_has_a_rate_of_their_own():
    """Above the wage base of one spouse only: a joint forward pass would mix the two."""
    home = js.household(adults=[dict(employment_income=300_000), dict(employment_income=50_000)])
    rates = home.marginal_tax_rate("employment_income", outcome="employee_payroll_tax")
    assert rates.tolist() == pytest.approx([0.0145 + 0.009, 0.062 + 0.0145 + 0.009])


@pytest.mark.slow
def test_finite_steps_show_cliffs():
    """One dollar of interest above the limit loses the earned income credit (26 USC 32(i))."""
    home = js.household(
        adults=[dict(age=30, employment_income=15_000)], children=[4], taxable_interest_income=12_200, year=2026
    )
    lost = home.total("eitc")
    assert lost > 3_000
    smooth = home.marginal_tax_rate("taxable_interest_income", outcome="income_tax")
    step = home.marginal_tax_rate("taxable_interest_income", outcome="income_tax", step=1.0)
    assert abs(smooth.iloc[0]) < 1
    assert step.iloc[0] == pytest.approx(lost, rel=0.01)


def test_steps_move_one_member_at_a_time(sim):
    stepped = sim.marginal_tax_rate(step=0.5, outcome="employee_payroll_tax")
    exact = sim.marginal_tax_rate(outcome="employee_payroll_tax")
    both = stepped.notna()
    assert (both == exact.notna()).all()
    assert ((stepped - exact)[both].abs() < 1e-6).mean() > 0.98


@pytest.mark.slow
def test_smoothed_derivatives_are_finite_over_an_edge_grid():
    """Zeros, thresholds, huge amounts and losses in every filing status, in float32 (plain ones: test_properties)."""
    rng = np.random.default_rng(5)
    n = 1_500
    edges = np.array([0, 0, 0, 1e-9, 1, 400, 433.14, 11_600, 16_100, 50_400, 200_000, 250_000, 400_000, 768_700, 1e9])
    status = rng.integers(0, 5, n)
    rows = {"household_id": [], "tax_unit_id": [], "role": [], "age": []}
    for h in range(n):
        for role in [0] + [1] * int(status[h] == 1) + [2] * int(rng.integers(0, 5)):
            for key, value in zip(rows, (h, h, role, rng.choice([0, 18, 24, 25, 64, 65, 120])), strict=True):
                rows[key].append(value)
    person = {key: np.array(value) for key, value in rows.items()}
    count = len(person["role"])
    adult = person["role"] < 2
    unit = {"tax_unit_id": np.arange(n), "filing_status": status.astype(float)}
    for i in js.Simulation(make_population(5), 2026).system.inputs.values():
        if i.kind != "money" or i.name in ("qualified_dividend_income", "taxable_pension_income"):
            continue
        size = count if i.entity.name == "person" else n
        values = rng.choice(edges, size)
        if i.low < 0:
            values = values * rng.choice([1, 1, -1], size)
        if i.entity.name == "person":
            person[i.name] = values * adult
        elif i.entity.name == "tax_unit":
            unit[i.name] = values
    population = js.Population.from_tables({"person": person, "tax_unit": unit}, year=2026)
    sim = js.Simulation(population, 2026, precision="float32", age=False)
    table = sim.gradient("combined_tax")
    assert np.isfinite(table[["gradient", "smoothed", "smoothed twice as wide"]]).all().all()
    for income in ("employment_income", "self_employment_income"):
        rates = sim.marginal_tax_rate(income, outcome="combined_tax")
        assert np.isfinite(rates[(population.tables["person"]["role"] < 2)]).all()


def test_default_window_falls_back_for_few_households():
    home = js.household(adults=[{}])
    assert gradients.default_widths(home)["USD"] == gradients.FALLBACK_WIDTH
