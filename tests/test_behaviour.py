"""Behaviour: what responds is the stated formula, and all that is asked of a simulation includes it."""

import numpy as np
import pytest

import jaxsim as js
from jaxsim.behaviour import BEFORE, KEPT, LEAST_INCOME, RICHER, STEP, RespondingSystem
from jaxsim.figures import Figures
from jaxsim.measures import resolve
from jaxsim.rules.us.entities import TaxUnit

RATE = "irs.payroll.social_security.employee_rate"
MEDICARE = "irs.payroll.medicare.employee_rate"
GAINS_RATE = "irs.payroll.medicare.additional.rate"
TAX, INCOME, EARNINGS, GAINS = "household_side_tax", "after_tax_income", "employment_income", "long_term_capital_gains"
ALL = js.Behaviour(substitution=0.25, income=-0.05, capital_gains=3.0)
REFORM = {RATE: 0.2, GAINS_RATE: 0.1}


@js.rule(TaxUnit, parameters="irs.payroll")
def household_side_tax(tax_unit_payroll_tax_wages, long_term_capital_gains, p):
    """A flat tax on wages and one on gains: responses can be told by hand, and little is compiled."""
    wages = p.social_security.employee_rate * tax_unit_payroll_tax_wages
    return wages + p.medicare.additional.rate * long_term_capital_gains


@js.rule(TaxUnit, parameters="irs.payroll")
def twice_the_tax(tax_unit_payroll_tax_wages, p):
    """Twice the flat tax on wages."""
    return 2 * p.social_security.employee_rate * tax_unit_payroll_tax_wages


@pytest.fixture(scope="module")
def flat(sim):
    return sim.with_rules(household_side_tax)


@pytest.fixture(scope="module")
def responding(flat):
    return flat.with_behaviour(ALL)


def expected(flat, behaviour, reform):
    """Earnings and gains by the formula of the module, from the flat tax in NumPy."""
    person, unit = (flat.population.tables[name] for name in ("person", "tax_unit"))
    before, after = ({path: float(s.parameters[path]) for path in REFORM} for s in (flat, flat.with_reform(reform)))
    wages = flat.map_to(person[EARNINGS] * (person["role"] < 2), "person", "tax_unit")
    tax = [law[RATE] * wages + law[GAINS_RATE] * unit[GAINS] for law in (before, after)]
    income = flat.columns(INCOME)[INCOME]
    richer = np.clip((tax[0] - tax[1]) / np.maximum(income, LEAST_INCOME), -RICHER, RICHER)
    kept = np.log(np.clip(1 - after[RATE], *KEPT)) - np.log(np.clip(1 - before[RATE], *KEPT))
    move = np.exp(behaviour.substitution * kept + behaviour.income * richer)
    factor = flat.map_to(move, "tax_unit", "person")
    gain = np.exp(-behaviour.capital_gains * (after[GAINS_RATE] - before[GAINS_RATE]))
    return person[EARNINGS] * np.where(person["role"] < 2, factor, 1.0), unit[GAINS] * gain


# --- the formula


@pytest.mark.parametrize("reform", [REFORM, {RATE: 1.0}, {RATE: 0.0, GAINS_RATE: 0.5}], ids=["up", "all", "down"])
def test_responses_are_the_formula(flat, responding, reform):
    """Household by household, those included whose income or share kept is at a bound of the formula."""
    made = responding.with_reform(reform)
    values = made.columns(EARNINGS, GAINS, TAX)
    earnings, gains = expected(flat, ALL, reform)
    # marginal rates are differences of taxes of 1e5 over 100 dollars: rounding of 1e-12 of a rate
    np.testing.assert_allclose(values[EARNINGS], earnings, rtol=1e-10)
    np.testing.assert_allclose(values[GAINS], gains, rtol=1e-10)
    law = made.parameters
    wages = flat.map_to(earnings * (flat.population.tables["person"]["role"] < 2), "person", "tax_unit")
    np.testing.assert_allclose(values[TAX], law[RATE] * wages + law[GAINS_RATE] * gains, rtol=1e-10, atol=1e-9)


def test_the_bounds_of_the_formula_are_reached(flat):
    """Or the test above says nothing of them."""
    income = flat.columns(INCOME)[INCOME]
    wages = flat.columns("tax_unit_payroll_tax_wages")["tax_unit_payroll_tax_wages"]
    assert (income < LEAST_INCOME).any()
    assert (wages * (1 - 0.062) > RICHER * np.maximum(income, LEAST_INCOME)).any()


def test_nothing_changes_under_the_law_itself(flat, responding):
    names = [TAX, INCOME, EARNINGS, GAINS, "payroll_tax"]
    np.testing.assert_allclose(responding.total(*names), flat.total(*names), rtol=1e-12)


def test_without_elasticities_a_reform_is_static(flat):
    static = flat.with_behaviour(js.Behaviour()).with_reform(REFORM)
    names = [TAX, INCOME, EARNINGS, GAINS, "payroll_tax"]
    np.testing.assert_allclose(static.total(*names), flat.with_reform(REFORM).total(*names), rtol=1e-12)


@pytest.mark.parametrize(
    ("behaviour", "reform", "earnings", "gains"),
    [
        (js.Behaviour(substitution=0.3), {RATE: 0.2}, -1, 0),  # less is kept of a further dollar
        (js.Behaviour(substitution=0.3), {RATE: 0.0}, 1, 0),
        (js.Behaviour(income=-0.1), {RATE: 0.2}, 1, 0),  # poorer, so more work
        (js.Behaviour(capital_gains=3.0), {GAINS_RATE: 0.5}, 0, -1),
        (js.Behaviour(capital_gains=3.0), {GAINS_RATE: 0.0}, 0, 1),
        (js.Behaviour(capital_gains=3.0), {RATE: 0.2}, 0, 0),
    ],
)
def test_signs(flat, behaviour, reform, earnings, gains):
    after = flat.with_behaviour(behaviour).with_reform(reform).total(EARNINGS, GAINS)
    change = (after / flat.total(EARNINGS, GAINS) - 1).to_numpy()
    assert np.sign(np.where(np.abs(change) < 1e-12, 0, change)).tolist() == [earnings, gains]


# --- one household under the whole law


@pytest.mark.slow
def test_one_household_by_hand():
    """Head, spouse and gains each by their own marginal rate over 100 dollars; the child's wages stay."""
    home = js.household(
        adults=[dict(age=45, employment_income=98_000), dict(age=43, employment_income=31_000)],
        children=[dict(age=16, employment_income=3_000), 9],
        long_term_capital_gains=20_000, taxable_interest_income=1_500, year=2026,
    )  # fmt: skip
    reform = {"irs.income_tax.rates.rate.2": 0.2, "irs.income_tax.rates.rate.3": 0.3,
              "irs.income_tax.capital_gains.rate.2": 0.25, "irs.credits.ctc.amount": 0.0}  # fmt: skip
    wages = home.population.tables["person"][EARNINGS]
    gains = home.population.tables["tax_unit"][GAINS]

    def standing(sim):
        """Marginal rates of head, spouse and gains, tax and income, each by changing the data."""
        own = sim.columns(TAX, INCOME)
        moved = [sim.with_column(EARNINGS, wages + STEP * (np.arange(4) == k)) for k in (0, 1)]
        moved.append(sim.with_column(GAINS, gains + STEP))
        rates = [(s.columns(TAX, INCOME)[TAX][0] - own[TAX][0]) / STEP for s in moved]
        return (*rates, own[TAX][0], own[INCOME][0])

    before, after = standing(home), standing(home.with_reform(reform))
    assert all(a > b for a, b in zip(after[:4], before[:4], strict=True))  # the reform raises all of them
    assert len({round(rate, 4) for rate in after[:3]}) > 1
    made = home.with_behaviour(ALL)
    values = made.with_reform(reform).columns(EARNINGS, GAINS)
    income_effect = ALL.income * (before[3] - after[3]) / before[4]
    for k in (0, 1):
        kept = np.log((1 - after[k]) / (1 - before[k]))
        factor = np.exp(ALL.substitution * kept + income_effect)
        assert values[EARNINGS][k] == pytest.approx(wages[k] * factor, rel=1e-9)
    assert values[EARNINGS][2:].tolist() == [3_000, 0]
    factor = np.exp(-ALL.capital_gains * (after[2] - before[2]))
    assert values[GAINS][0] == pytest.approx(20_000 * factor, rel=1e-9)
    same = made.columns(EARNINGS, GAINS)
    np.testing.assert_allclose(same[EARNINGS], wages, rtol=1e-9)  # rounding of a tax over 100 dollars
    assert same[GAINS][0] == pytest.approx(20_000, rel=1e-9)


@pytest.mark.slow
def test_derivatives_of_revenue_under_the_whole_law(sim):
    """By the rate of one tax, responses in all others included."""
    responding = sim.with_behaviour(ALL)
    figures = Figures(responding, resolve(responding, TAX), [(MEDICARE,)])
    at, h = np.array([0.02]), 1e-6
    (value,), ((slope,),) = figures.jacobian(at)
    ahead, behind = (figures.jacobian(at + s * h)[0][0] for s in (1, -1))
    # 1e-16 of a total of 4e8 over this step is 0.1 of a derivative of 1e9; kinks within it are few
    assert slope == pytest.approx((ahead - behind) / (2 * h), rel=1e-6)
    assert value > figures.jacobian([0.0145])[0][0]


# --- behaviour in all else


def test_derivatives_equal_central_differences(responding):
    h = 1e-6
    for path, middle in ((RATE, 0.1), (GAINS_RATE, 0.2)):
        reformed = responding.with_reform(REFORM)
        low, high = reformed.vary(TAX, {path: np.array([middle - h, middle + h])})[TAX]
        there = reformed.with_reform({path: middle})
        slope = js.elasticities(there, TAX, path, smooth=False)["derivative"].iloc[0]
        # totals of 4e8 are rounded to 1e-7, over this step 0.1 of a derivative of 1e7 at least
        assert slope == pytest.approx((high - low) / (2 * h), rel=1e-6)
        assert there.gradient(TAX, path, smooth=False)["gradient"].iloc[0] == pytest.approx(slope, rel=1e-10)


def test_many_laws_are_laws_one_by_one(responding):
    """`vary` and a sweep, where nothing of the law can be taken out of the loop."""
    plan = js.grid({RATE: [0.05, 0.2], GAINS_RATE: [0.0, 0.3]})
    varied = responding.vary([TAX, GAINS], plan.values)
    swept = js.sweep(responding, plan, [TAX, GAINS], precision="float64", progress=False).table
    for k, row in plan.to_frame().iterrows():
        one = responding.with_reform(dict(row)).total(TAX, GAINS)
        for table in (varied, swept):
            np.testing.assert_allclose(table.loc[k, [TAX, GAINS]].astype(float), one, rtol=1e-12)
    assert varied[GAINS].nunique() == 2


@pytest.mark.slow
def test_the_rate_that_raises_most(flat):
    """Revenue from gains, t exp(-3 (t - t0)), is largest at a third."""
    responding = flat.with_behaviour(js.Behaviour(capital_gains=3.0))
    made = js.solve(responding, {GAINS_RATE: (0.0, 1.0)}, maximise=TAX)
    assert made.point[0] == pytest.approx(1 / 3, abs=1e-4)  # flat there: a part of 1e-8 of revenue
    static = js.solve(flat, {GAINS_RATE: (0.0, 1.0)}, maximise=TAX)
    assert static.point[0] == 1.0


def test_rules_may_change_under_behaviour(flat, responding):
    """A structural reform keeps the behaviour, and is responded to."""
    with_more = responding.with_rules(twice_the_tax)
    assert isinstance(with_more.system, RespondingSystem)
    assert with_more.system.behaviour == ALL
    total = 2 * 0.2 * with_more.with_reform(REFORM).total("tax_unit_payroll_tax_wages")
    assert with_more.with_reform(REFORM).total("twice_the_tax") == pytest.approx(total, rel=1e-12)

    @js.rule(TaxUnit, parameters="irs.payroll")
    def household_side_tax(tax_unit_payroll_tax_wages, long_term_capital_gains, p):
        """The flat tax at the rates of the reform."""
        wages = (p.social_security.employee_rate + 0.138) * tax_unit_payroll_tax_wages
        return wages + (p.medicare.additional.rate + 0.091) * long_term_capital_gains

    structural = responding.with_rules(household_side_tax)
    by_parameters = responding.with_reform(REFORM)  # the same tax
    np.testing.assert_allclose(structural.total(TAX, EARNINGS, GAINS), by_parameters.total(TAX, EARNINGS, GAINS),
                               rtol=1e-9)  # fmt: skip
    assert structural.total(EARNINGS) < flat.total(EARNINGS)


def test_behaviour_starts_from_the_law_it_is_given_under(flat, responding):
    """Given anew it responds to changes of the law in force then."""
    reformed = flat.with_reform(REFORM)
    anew = responding.with_reform(REFORM).with_behaviour(js.Behaviour(substitution=0.1))
    assert anew.total(EARNINGS) == pytest.approx(reformed.total(EARNINGS), rel=1e-12)
    assert anew.with_reform({RATE: 0.3}).total(EARNINGS) < anew.total(EARNINGS)
    assert not isinstance(anew.system.inner, RespondingSystem)


def test_blocks_change_nothing(flat, responding):
    cut = flat._copy(layout=js.Layout(blocks=3)).with_behaviour(ALL).with_reform(REFORM)
    whole = responding.with_reform(REFORM)
    for name in (EARNINGS, GAINS, TAX):
        np.testing.assert_allclose(cut.columns(name)[name], whole.columns(name)[name], rtol=1e-12)


def test_a_large_population_without_gains(flat):
    """Inputs that the data lack are scalars there."""
    n = 5_000
    ids = np.arange(n)
    wages = np.linspace(1e4, 2e5, n)
    columns = {"household_id": ids, "tax_unit_id": ids, "role": 0 * ids, "age": 0 * ids + 40, EARNINGS: wages}
    sim = js.Simulation(js.Population.from_persons(columns, year=2026), 2026, system=flat.system)
    assert GAINS in sim._lacking()
    made = sim.with_behaviour(js.Behaviour(substitution=0.5, capital_gains=1.0)).with_reform(REFORM)
    np.testing.assert_allclose(made.columns(EARNINGS)[EARNINGS], wages * (0.8 / 0.938) ** 0.5, rtol=1e-9)
    assert made.total(GAINS) == 0


def test_a_responding_household_is_explained(responding):
    text = repr(responding.with_reform(REFORM).explain(TAX))
    assert TAX in text
    rates = responding.columns(*BEFORE)
    np.testing.assert_allclose(rates[BEFORE[0]], 0.062, rtol=1e-9)
    np.testing.assert_allclose(rates[BEFORE[2]], 0.009, atol=1e-12)
    np.testing.assert_allclose(rates[BEFORE[3]], responding.columns(TAX)[TAX], rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize(
    "options",
    [
        {"substitution": -0.1},
        {"substitution": 6},
        {"substitution": "0.25"},
        {"substitution": True},
        {"substitution": np.nan},
        {"income": 0.05},
        {"income": -3.0},
        {"capital_gains": -3.0},
        {"capital_gains": 31.0},
        {"capital_gains": None},
    ],
)
def test_elasticities_are_checked(options):
    (name,) = options
    with pytest.raises(js.JaxsimError, match=rf"Behaviour\({name}=.*give a number from"):
        js.Behaviour(**options)


def test_mistakes(flat, responding):
    with pytest.raises(js.JaxsimError, match="give a Behaviour"):
        flat.with_behaviour({"substitution": 0.25})
    with pytest.raises(js.JaxsimError, match="no variable is independent"):
        responding.system.given([TAX])
    assert js.Behaviour(0.25, -0.05, 3) == ALL


@pytest.mark.parametrize("call", [
    lambda b: b.with_column("employment_income", np.zeros(b.population.count("person"))),
    lambda b: b.score({"irs.income_tax.rates.rate.7": 0.4}),
    lambda b: b.marginal_tax_rate("employment_income"),
    lambda b: b.input_derivative("income_tax", "employment_income"),
])  # fmt: skip
def test_what_would_move_incomes_is_refused(sim, call):
    with pytest.raises(js.JaxsimError, match="add it last"):
        call(sim.with_behaviour(js.Behaviour(substitution=0.2)))
