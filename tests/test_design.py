"""Design of reforms: against closed forms, brute force over grids, and searches without our derivatives."""

import numpy as np
import pytest
from scipy.optimize import minimize

import jaxsim as js
from jaxsim.design import coordinates_of
from jaxsim.measures import resolve
from jaxsim.sweep.kernel import Kernel

RATE = "irs.payroll.social_security.employee_rate"
BASE = "irs.payroll.social_security.wage_base"
MEDICARE = "irs.payroll.medicare.employee_rate"
ADDITIONAL = "irs.payroll.medicare.additional"
CREDIT = "irs.credits.ctc.amount"
MAXIMUM = "irs.credits.ctc.refundable.maximum"
PHASE_IN = "irs.credits.ctc.refundable.rate"
LEAST = "irs.credits.ctc.refundable.earned_income_threshold"
RATES = {RATE: (0.0, 0.12), MEDICARE: (0.0, 0.1)}
REFUND = {MAXIMUM: (0.0, 5_000.0), PHASE_IN: (0.0, 0.5)}
GAP = "family_poverty_gap"


def burden(tax_unit_employee_social_security_tax, employee_medicare_tax):
    """Quadratic in two rates: dearer by the one than by the other."""
    return tax_unit_employee_social_security_tax**2 + 4 * employee_medicare_tax**2


def revenue(tax_unit_employee_social_security_tax, employee_medicare_tax):
    return tax_unit_employee_social_security_tax + employee_medicare_tax


def relief(tax_unit_employee_social_security_tax, employee_medicare_tax):
    return -tax_unit_employee_social_security_tax - employee_medicare_tax


def social_security(tax_unit_employee_social_security_tax):
    return tax_unit_employee_social_security_tax


def at_rates(sim, outcome, first, second):
    made = sim.vary(outcome, {RATE: np.array([float(first)]), MEDICARE: np.array([float(second)])})
    return float(made[outcome.__name__].iloc[0])


class Quadratic:
    """burden = q1 x1^2 + q2 x2^2 and revenue = c1 x1 + c2 x2 of the two rates, by their values at rates of 10%."""

    def __init__(self, sim):
        self.q = np.array([at_rates(sim, burden, 0.1, 0), at_rates(sim, burden, 0, 0.1)]) / 0.01
        self.c = np.array([at_rates(sim, revenue, 0.1, 0), at_rates(sim, revenue, 0, 0.1)]) / 0.1
        self.now = float(self.c @ [0.062, 0.0145])

    def best(self, wanted):
        """Rates of the least burden that raise a revenue, the burden, and its derivative by that revenue."""
        price = 2 * wanted / (self.c**2 / self.q).sum()
        return price * self.c / self.q / 2, price * wanted / 2, price


@pytest.fixture(scope="module")
def quadratic(sim):
    return Quadratic(sim)


@pytest.fixture(scope="module")
def neutral(sim, quadratic):
    return js.solve(sim, RATES, burden, {revenue: quadratic.now})


# --- a problem with a closed form


def test_the_optimum_is_that_of_the_closed_form(quadratic, neutral):
    rates, least, price = quadratic.best(quadratic.now)
    # near its minimum a quadratic says the square root of its own rounding about where it is
    np.testing.assert_allclose(neutral.parameters["reform"], rates, rtol=1e-4)
    assert neutral.after == pytest.approx(least, rel=1e-6)
    assert neutral.before > neutral.after
    assert neutral.constraints.loc["revenue", "shadow price"] == pytest.approx(price, rel=1e-4)
    assert neutral.optimality < 1e-4
    assert neutral.feasible
    assert (neutral.parameters["at bound"] == "").all()
    assert "constraints are met; 4 of 4 starts" in neutral.status
    assert neutral.outcome == "burden"


def test_an_equality_is_met(sim, quadratic, neutral):
    row = neutral.constraints.loc["revenue"]
    assert row["now"] == pytest.approx(quadratic.now, rel=1e-12)
    assert row["reform"] == pytest.approx(quadratic.now, rel=1e-6)  # the tolerance
    assert row["missed by"] == pytest.approx(abs(row["reform"] - quadratic.now), abs=1e-6)
    # what the design says of the reform is what the reform does
    after = sim.with_reform(neutral.reform).total("tax_unit_employee_social_security_tax", "employee_medicare_tax")
    assert after.sum() == pytest.approx(row["reform"], rel=1e-12)
    assert neutral.reform.changes == dict(neutral.parameters["reform"])
    assert neutral.parameters["now"].tolist() == [0.062, 0.0145]


def test_the_shadow_price_is_what_the_bound_is_worth(sim, quadratic, neutral):
    """The optimum is quadratic in the revenue, so its change is the mean of both prices times that of the bound."""
    more = js.solve(sim, RATES, burden, {revenue: 1.02 * quadratic.now})
    prices = [d.constraints.loc["revenue", "shadow price"] for d in (neutral, more)]
    assert more.after - neutral.after == pytest.approx(np.mean(prices) * 0.02 * quadratic.now, rel=1e-4)
    # a bound from below that binds has the price of the equality; one that does not, none
    below = js.solve(sim, RATES, burden, {revenue: (quadratic.now, None), social_security: (0.0, None)})
    assert below.constraints["shadow price"].tolist() == pytest.approx([prices[0], 0], rel=1e-4)


def test_maximising_is_minimising_the_opposite(sim, quadratic, neutral):
    """The most revenue for that burden is what the least burden for that revenue is made of."""
    most = js.solve(sim, RATES, maximise=revenue, subject_to={burden: (None, neutral.after)})
    assert most.after == pytest.approx(quadratic.now, rel=1e-5)
    assert most.outcome == "revenue"
    price = 1 / neutral.constraints.loc["revenue", "shadow price"]
    assert most.constraints.loc["burden", "shadow price"] == pytest.approx(price, rel=1e-3)  # more burden, more revenue
    least = js.solve(sim, RATES, relief, {burden: (None, neutral.after)})
    assert least.after == pytest.approx(-most.after, rel=1e-5)
    assert least.constraints.loc["burden", "shadow price"] == pytest.approx(-price, rel=1e-3)


def test_what_is_at_a_bound_is_told(sim, quadratic):
    """The least burden wants a lower rate than the bound, so the other one makes up for it."""
    made = js.solve(sim, {RATE: (0.07, 0.12), MEDICARE: (0.0, 0.1)}, burden, {revenue: quadratic.now})
    assert made.parameters["at bound"].tolist() == ["low", ""]
    other = (quadratic.now - 0.07 * quadratic.c[0]) / quadratic.c[1]
    assert made.parameters["reform"].tolist() == pytest.approx([0.07, other], rel=1e-5)
    price = 2 * quadratic.q[1] * other / quadratic.c[1]  # the other rate alone raises one dollar more
    assert made.constraints.loc["revenue", "shadow price"] == pytest.approx(price, rel=1e-4)
    most = js.solve(sim, RATES, maximise=revenue)
    assert most.parameters["at bound"].tolist() == ["high", "high"]
    assert most.parameters["reform"].tolist() == [0.12, 0.1]
    assert most.constraints.empty
    assert most.after == pytest.approx(at_rates(sim, revenue, 0.12, 0.1), rel=1e-12)


def test_an_infeasible_problem_says_by_how_much(sim):
    best = at_rates(sim, revenue, 0.12, 0.1)
    for bound in (2 * best, (2 * best, None)):
        made = js.solve(sim, RATES, burden, {revenue: bound})
        assert not made.feasible
        assert made.constraints.loc["revenue", "missed by"] == pytest.approx(best, rel=1e-6)
        assert made.constraints.loc["revenue", "reform"] == pytest.approx(best, rel=1e-6)
        assert "infeasible" in made.status
        assert f"revenue misses by {made.constraints.loc['revenue', 'missed by']:,.6g}" in made.status


def test_the_same_seed_gives_the_same_answer(sim, quadratic, neutral):
    again = js.solve(sim, RATES, burden, {revenue: quadratic.now})
    assert again.point.tolist() == neutral.point.tolist()
    assert again.starts.equals(neutral.starts)
    other = js.solve(sim, RATES, burden, {revenue: quadratic.now}, seed=1)
    assert other.after == pytest.approx(neutral.after, rel=1e-6)
    assert other.point.tolist() != neutral.point.tolist()


def test_a_start_of_ones_own(sim, quadratic, neutral):
    made = js.solve(sim, RATES, burden, {revenue: quadratic.now}, start=neutral.point, screen=0, starts=1)
    assert len(made.starts) == 2  # the law itself is the other
    assert made.after == pytest.approx(neutral.after, rel=1e-6)


def test_a_design_is_shown(neutral):
    for text in (repr(neutral), neutral._repr_html_()):
        assert neutral.status in text
        assert "shadow price" in text
        assert RATE in text


# --- the child tax credit: kinks, and a grid of all laws


@pytest.fixture(scope="module")
def brute(sim):
    """Gap and cost over a grid of both parameters of the refund."""
    axes = {path: np.linspace(*bounds, 41) for path, bounds in REFUND.items()}
    return sim.vary([GAP, "cost"], js.grid(axes).values)


@pytest.fixture(scope="module")
def refund(sim):
    return js.solve(sim, REFUND, GAP, js.cost_at_most(2e6))


@pytest.mark.slow
def test_one_parameter_against_a_grid(sim):
    """The gap falls with the rate of the refund until the cost binds: the best of a grid is a step of it away."""
    table = sim.vary([GAP, "cost"], {PHASE_IN: np.linspace(0, 0.5, 2_001)})
    limit = 0.6 * table["cost"].max()
    allowed = table[table["cost"] <= limit]
    best = allowed.loc[allowed[GAP].idxmin()]
    made = js.solve(sim, {PHASE_IN: (0.0, 0.5)}, GAP, js.cost_at_most(limit))
    assert made.after <= best[GAP]
    assert made.point[0] == pytest.approx(best[PHASE_IN], abs=0.5 / 2_000)
    assert 0.2 < made.point[0] < 0.49
    assert made.constraints.loc["cost", "reform"] == pytest.approx(limit, rel=1e-6)


def test_two_parameters_against_a_grid(sim, brute, refund):
    allowed = brute[brute["cost"] <= 2e6]
    assert 100 < len(allowed) < len(brute) - 100
    assert refund.feasible
    assert refund.after <= allowed[GAP].min()
    # nothing on a fine grid around the answer is better by more than its tolerance allows
    low, high = np.array(list(REFUND.values())).T
    near = [np.clip(np.linspace(x - r, x + r, 31), a, b)
            for x, r, a, b in zip(refund.point, 0.02 * (high - low), low, high, strict=True)]  # fmt: skip
    around = sim.vary([GAP, "cost"], js.grid(dict(zip(REFUND, near, strict=True))).values)
    assert (around["cost"] <= 2e6).any()
    spread = np.ptp(brute[GAP])
    assert refund.after <= around.loc[around["cost"] <= 2e6, GAP].min() + 1e-5 * spread


@pytest.mark.parametrize("method", ["COBYLA", "SLSQP"])
def test_searches_without_our_derivatives_find_nothing_better(sim, refund, method):
    """From a few starts, on figures of a kernel; SLSQP by finite differences wide enough to see past kinks."""
    kernel = Kernel(sim, resolve(sim, [GAP, "cost"]), list(REFUND), kernel="specialised")
    low, high = np.array(list(REFUND.values())).T
    now = kernel.figures(np.array([[1_700, 0.15]]))[0]

    def at(z):
        gap, cost = kernel.figures((low + np.clip(z, 0, 1) * (high - low))[None])[0]
        return (gap - now[0]) / 1e6, (2e6 - cost) / 1e6

    options = {"COBYLA": {"rhobeg": 0.2, "tol": 1e-7, "maxiter": 150}, "SLSQP": {"eps": 1e-4, "maxiter": 40}}[method]
    found = []
    for start in ([0.34, 0.3], [0.1, 0.8], [0.5, 0.1]):
        made = minimize(lambda z: at(z)[0], start, method=method, bounds=[(0, 1)] * 2, options=options,
                        constraints={"type": "ineq", "fun": lambda z: at(z)[1]})  # fmt: skip
        gap, room = at(made.x)
        if room >= -1e-4:
            found.append(now[0] + 1e6 * gap)
    # their answers may miss the constraint by $100, which the shadow price says is worth less than $20 of the gap
    assert abs(refund.constraints.loc["cost", "shadow price"]) < 0.2
    assert refund.after == pytest.approx(min(found), abs=20)
    assert refund.after < now[0] - 1e6


def test_neutral_reforms_of_the_credit(sim):
    made = js.solve(sim, REFUND, GAP, js.revenue_neutral())
    assert made.feasible
    cost = made.constraints.loc["cost", "reform"]
    after = sim.with_reform(made.reform).total("combined_tax")
    assert abs(cost) <= made.constraints.loc["cost", "missed by"] + 1e-9
    assert sim.total("combined_tax") - after == pytest.approx(cost, abs=1.0)
    assert abs(cost) < 100  # a millionth of what it varies by over the space
    assert made.after < made.before


def test_nothing_that_was_tried_is_better(sim):
    """The count of winners leaps wherever somebody begins to gain, which the smoothed law blurs."""
    free = {CREDIT: (0.0, 5_000.0), MAXIMUM: (0.0, 5_000.0), LEAST: (0.0, 10_000.0)}
    made = js.solve(sim, free, maximise="winners", subject_to=js.cost_at_most(5e6))
    tried = sim.vary(["winners", "cost"], js.sobol(free, 128).values)
    assert made.feasible
    assert made.after >= tried.loc[tried["cost"] <= 5e6, "winners"].max()


# --- coordinates, constraints and mistakes


def test_coordinates(sim):
    path, pair = f"{ADDITIONAL}.threshold", (f"{ADDITIONAL}.rate", MEDICARE)
    groups, low, high = coordinates_of(sim, {path: (1e5, 3e5), pair: (0, 0.5), RATE: (0.01, 0.1)})
    assert groups == [*((cell,) for cell in sim.law[path].cell_names()), pair, (RATE,)]
    assert low.tolist() == [1e5] * 5 + [0, 0.01]
    assert high.tolist() == [3e5] * 5 + [0.5, 0.1]


def test_cells_that_take_one_value(sim):
    made = js.solve(sim, {(RATE, MEDICARE): (0.01, 0.1)}, burden, {revenue: (1e8, None)})
    assert list(made.parameters.index) == [f"{RATE} and 1 more"]
    assert made.reform.changes[RATE] == made.reform.changes[MEDICARE] == made.point[0]
    assert at_rates(sim, revenue, made.point[0], made.point[0]) == pytest.approx(1e8, rel=1e-5)


def test_constraints_in_words():
    assert js.cost_at_most(5e9) == {"cost": (None, 5e9)}
    assert js.revenue_neutral() == {"cost": 0.0}


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "message"),
    [
        ((RATES,), {}, js.JaxsimError, "one outcome to minimise or to maximise"),
        ((RATES, burden), {"maximise": revenue}, js.JaxsimError, "one outcome to minimise or to maximise"),
        ((RATES, "winners_and_losers"), {}, js.JaxsimError, "'winners_and_losers' has several figures"),
        ((RATES, [burden, revenue]), {}, js.JaxsimError, "several figures"),
        ((RATES, burden, {"gain_by_decile": 0}), {}, js.JaxsimError, "'gain_by_decile' has several figures"),
        ((RATES, "burdne"), {}, js.JaxsimError, "unknown outcome 'burdne'"),
        ((RATES, burden, [("cost", 0)]), {}, js.JaxsimError, "a constraint is a mapping"),
        ((RATES, burden, 5.0), {}, js.JaxsimError, "a constraint is a mapping"),
        ((RATES, burden, [{"cost": 0}, {"cost": (None, 1)}]), {}, js.JaxsimError, "'cost' is constrained twice"),
        ((RATES, burden, {"cost": "much"}), {}, js.JaxsimError, "'cost': give a number, or"),
        ((RATES, burden, {"cost": (1, 2, 3)}), {}, js.JaxsimError, "'cost': give a number, or"),
        ((RATES, burden, {"cost": None}), {}, js.JaxsimError, "'cost': give a number, or"),
        ((RATES, burden, {"cost": (2, 1)}), {}, js.JaxsimError, "lower bound 2 is above the upper one 1"),
        ((RATES, burden, {"cost": np.nan}), {}, js.JaxsimError, "lower bound nan"),
        (({}, burden), {}, js.ParameterError, "at least one parameter path"),
        (([RATE], burden), {}, js.ParameterError, "at least one parameter path"),
        (({RATE: 0.1}, burden), {}, js.ParameterError, "give a lower and an upper bound"),
        (({RATE: (0.1, 0.1)}, burden), {}, js.ParameterError, "0.1 and 0.1 are not a range"),
        (({RATE: (0.1, 0.05)}, burden), {}, js.ParameterError, "not a range"),
        (({RATE: (0.1, np.inf)}, burden), {}, js.ParameterError, "not a range"),
        (({RATE: (0.1, 1.5)}, burden), {}, js.ParameterError, "outside the valid range 0 to 1"),
        (({"irs.payrol.rate": (0, 1)}, burden), {}, js.ParameterError, "unknown parameter 'irs.payrol.rate'"),
        (({(RATE, f"{ADDITIONAL}.threshold"): (0, 1)}, burden), {}, js.JaxsimError, "5 cells"),
        (({RATE: (0, 1), (RATE, MEDICARE): (0, 1)}, burden), {}, js.ParameterError, "employee_rate is given twice"),
        (({"irs.indexing.chained_cpi": (100, 200)}, burden), {}, js.ParameterError, "is an index"),
        ((RATES, burden), {"starts": 0}, js.JaxsimError, "starts=0"),
        ((RATES, burden), {"screen": -1}, js.JaxsimError, "screen=-1"),
        ((RATES, burden), {"start": [0.1]}, js.JaxsimError, "a value for each of 2 coordinates"),
        ((RATES, burden), {"smooth": -1.0}, js.JaxsimError, "must be a number above 0"),
    ],
)
def test_mistakes(sim, arguments, options, kind, message):
    with pytest.raises(kind, match=message):
        js.solve(sim, *arguments, **options)


# --- the frontier


def dominated(first, second, slack):
    """Points that another beats by more than `slack` in one outcome and does not miss in the other."""
    worse = [(first[:, None] - first[None, :]) / np.ptp(first), (second[:, None] - second[None, :]) / np.ptp(second)]
    return ((worse[0] > slack) & (worse[1] > -slack)) | ((worse[1] > slack) & (worse[0] > -slack))


def test_no_point_of_a_frontier_is_dominated(sim, quadratic):
    made = js.frontier(sim, RATES, (burden, relief), points=5)
    table = made.table
    assert len(table) == len(made.designs) == 5
    assert table["feasible"].all()
    assert table["burden"].is_monotonic_increasing
    assert table["relief"].is_monotonic_decreasing
    first, second = table["burden"].to_numpy(), table["relief"].to_numpy()
    assert not dominated(first, second, 1e-5).any()
    np.testing.assert_allclose(np.diff(second), np.diff(second).mean(), rtol=1e-4)  # evenly spaced
    for k in (1, 2):  # inside the bounds on rates
        rates, least, _ = quadratic.best(-second[k])
        assert first[k] == pytest.approx(least, rel=1e-5)
        np.testing.assert_allclose(table.loc[k, list(RATES)].astype(float), rates, rtol=1e-3)
    assert made.plot().axes[0].get_xlabel().startswith("relief")
    for text in (repr(made), made._repr_html_()):
        assert RATE in text


def test_ends_of_a_frontier_that_are_tied(sim):
    """Social security taxes say nothing of the other rate: the best by them is the end with the most relief."""
    both = js.frontier(sim, RATES, (social_security, revenue), points=2).table[["social_security", "revenue"]]
    np.testing.assert_allclose(both, 0, atol=600)  # the tolerance, a millionth of what they vary by
    table = js.frontier(sim, RATES, (social_security, relief), points=3).table
    np.testing.assert_allclose(table[MEDICARE], 0.1, rtol=1e-6)
    np.testing.assert_allclose(table[RATE], [0, 0.06, 0.12], atol=1e-6)


def test_mistakes_in_frontiers(sim):
    for outcomes, options, message in (
        ("burden", {}, "two outcomes"),
        ((burden,), {}, "two outcomes"),
        ((burden, revenue, relief), {}, "two outcomes"),
        ((burden, revenue), {"points": 1}, "at least 2 points"),
        ((burden, "cost"), {"subject_to": js.revenue_neutral()}, "cannot be constrained as well"),
        ((burden, "gain_by_decile"), {}, "several figures"),
    ):
        with pytest.raises(js.JaxsimError, match=message):
            js.frontier(sim, RATES, outcomes, **options)


# --- the inverse problem

TAXES = ["employee_payroll_tax", "employee_medicare_tax", "tax_unit_employee_social_security_tax"]
FAMILY = {RATE: (0.0, 0.12), MEDICARE: (0.0, 0.1), BASE: (1e5, 3e5)}
HIDDEN = {RATE: 0.071, MEDICARE: 0.021, BASE: 140_000.0}


@pytest.fixture(scope="module")
def seen(sim):
    return {name: float(v) for name, v in sim.with_reform(HIDDEN).total(*TAXES).items()}


def test_the_law_behind_outcomes_is_found(sim, seen):
    made = js.reproduce(sim, FAMILY, seen)
    for path, value in HIDDEN.items():
        assert made.parameters.loc[path, "found"] == pytest.approx(value, rel=1e-6)
        assert made.reform.changes[path] == made.parameters.loc[path, "found"]
    np.testing.assert_allclose(made.outcomes["reproduced"], made.outcomes["given"], rtol=1e-12)
    assert made.identified == 3
    assert np.isfinite(made.parameters["room"]).all()
    # the tax that is proportional to a rate alone may change by 0.1% of it: 2.1e-5 of a range of 0.1
    assert made.parameters.loc[MEDICARE, "room"] <= 2.1e-4 * 1.01
    assert "tell apart" not in made.status
    again = js.reproduce(sim, FAMILY, seen)
    assert again.reform.changes == made.reform.changes
    for text in (repr(made), made._repr_html_()):
        assert RATE in text


def test_outcomes_that_do_not_tell_are_named(sim, seen):
    made = js.reproduce(sim, RATES, {TAXES[0]: seen[TAXES[0]]})
    assert made.outcomes["difference"].abs().max() < 1
    assert made.identified == 1
    assert "tell apart 1 of 2 directions" in made.status
    assert np.isinf(made.parameters["room"]).all()
    one = js.reproduce(sim, RATES, {TAXES[1]: seen[TAXES[1]]})  # which says all of one rate, nothing of the other
    assert np.isinf(one.parameters["room"]).tolist() == [True, False]
    assert one.parameters.loc[MEDICARE, "found"] == pytest.approx(HIDDEN[MEDICARE], rel=1e-6)


def test_outcomes_that_no_law_has(sim, seen):
    """The nearest is at a bound of the family, and the status says how far it is."""
    made = js.reproduce(sim, {MEDICARE: (0.0, 0.01)}, {TAXES[1]: seen[TAXES[1]]})
    assert made.parameters.loc[MEDICARE, "found"] == pytest.approx(0.01, rel=1e-6)
    assert made.outcomes.loc[TAXES[1], "difference"] / seen[TAXES[1]] == pytest.approx(0.01 / 0.021 - 1, rel=1e-5)
    assert "within 0.52 of their size" in made.status


def test_mistakes_in_inverse_problems(sim):
    for free, outcomes, options, kind, message in (
        (RATES, {}, {}, js.JaxsimError, "at least one outcome"),
        (RATES, TAXES, {}, js.JaxsimError, "at least one outcome"),
        (RATES, {"winners_and_losers": 0.1}, {}, js.JaxsimError, "several figures"),
        ({}, {TAXES[0]: 1e8}, {}, js.ParameterError, "at least one parameter path"),
        ({RATE: (0.0, 1.2)}, {TAXES[0]: 1e8}, {}, js.ParameterError, "outside the valid range"),
        ({"irs.payrol": (0.0, 1.2)}, {TAXES[0]: 1e8}, {}, js.ParameterError, "unknown parameter"),
        (RATES, {TAXES[0]: 1e8}, {"starts": 0}, js.JaxsimError, "starts=0"),
    ):
        with pytest.raises(kind, match=message):
            js.reproduce(sim, free, outcomes, **options)
