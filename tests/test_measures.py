"""Measures: every named figure by hand in NumPy, custom ones, derivatives, and what mistakes are told."""

import jax
import numpy as np
import pytest

import jaxsim as js
from jaxsim import measures
from jaxsim.impact import BANDS, LINES
from jaxsim.measures import Measure, resolve
from jaxsim.named_measures import NAMED
from jaxsim.residual import prepare
from jaxsim.sweep.kernel import Kernel

CREDIT = "irs.credits.ctc.amount"
STANDARD = "irs.deductions.standard.amount"
MAXIMUM = "irs.credits.ctc.refundable.maximum"
REFORM = {CREDIT: 3_600.0, MAXIMUM: 2_400.0, f"{STANDARD}.JOINT": 20_000.0}  # winners and losers
WAGE_BASE = "irs.payroll.social_security.wage_base"
INCOME = "household_after_tax_income"


def parents(household_after_tax_income, children):
    return household_after_tax_income * (children > 0)


def mean_of_mine(household_after_tax_income, mine):
    return [household_after_tax_income * mine, mine]


def large_credits(ctc):
    return 1.0 * (ctc > 2_500)


def third_of_income(household_after_tax_income, weight):
    """Least income with a third of the households at or below, a figure of whole columns."""
    order = household_after_tax_income.argsort()
    share = weight[order].cumsum()
    return household_after_tax_income[order][(share < share[-1] / 3).sum()]


def extremes(household_after_tax_income, baseline_household_after_tax_income, weight):
    gain = (household_after_tax_income - baseline_household_after_tax_income) * (weight > 0)
    return [gain.min(), gain.max()]


def mine_of(sim, entity="household"):
    """A column of the user's own, other in every row."""
    return np.linspace(0, 1, sim.population.count(entity)) ** 2


def custom(sim):
    credits = Measure("own", "tax_unit", amounts=lambda ctc, own: ctc * own, columns={"own": mine_of(sim, "tax_unit")})
    people = Measure("people", "person", amounts=lambda employment_income, rank: employment_income * rank,
                     columns={"rank": np.arange(sim.population.count("person"))})  # fmt: skip
    mine = {"mine": mine_of(sim)}
    return [
        parents,
        large_credits,
        third_of_income,
        credits,
        people,
        Measure("mine", amounts=mean_of_mine, over=lambda mine: mine, labels=("income", "one"), columns=mine),
        Measure("extremes", whole=extremes, labels=("least", "most")),
        measures.change(sim, "eitc"),
        "ctc",
        "employment_income",
    ]


@pytest.fixture(scope="module")
def kernel(sim):
    outcomes = resolve(sim, [*NAMED, *custom(sim)])
    return Kernel(sim, outcomes, list(REFORM), kernel="specialised", laws=2)


@pytest.fixture(scope="module")
def figures(kernel):
    """Figures of the law as it is and of the reform, by name."""
    made = kernel.figures(np.array([[np.nan] * len(REFORM), list(REFORM.values())]))
    return [dict(zip(kernel.names, row, strict=True)) for row in made]


@pytest.fixture(scope="module")
def columns(sim):
    """Columns of the law as it is and of the reform."""
    names = (*LINES, INCOME, "ctc")
    return sim.columns(*names), sim.with_reform(REFORM).columns(*names)


@pytest.fixture(scope="module")
def by_hand(sim, columns):
    """The figures of the reform in NumPy."""
    before, after = columns
    units, households = sim.weights("tax_unit"), sim.weights("household")
    home = sim.population.links["household_of_person"]
    old, new = before[INCOME], after[INCOME]
    size = np.bincount(home).astype(float)
    young = np.bincount(home, sim.population.tables["person"]["age"] < 18)
    persons = households * size
    guideline = sim.parameters["hhs.poverty_guideline.at_open_enrollment"]
    line = guideline.first_person[0] + guideline.further_person[0] * (size - 1)
    lacking = np.maximum(line - new, 0)
    gain, floor = new - old, np.maximum(old, 0)
    equivalised = np.maximum(new, 0) / np.sqrt(size)
    pairs = persons[:, None] * persons * np.abs(equivalised[:, None] - equivalised)
    order = np.argsort(new / np.sqrt(size))
    median = (new / np.sqrt(size))[order][np.searchsorted(persons[order].cumsum(), persons.sum() / 2)]
    decile = deciles(old / np.sqrt(size), persons)
    change = {
        "gain more than 5%": gain > 0.05 * floor,
        "gain up to 5%": (gain > 1e-4 * floor) & (gain <= 0.05 * floor),
        "no change": np.abs(gain) <= 1e-4 * floor,
        "lose up to 5%": (gain < -1e-4 * floor) & (gain >= -0.05 * floor),
        "lose more than 5%": gain < -0.05 * floor,
    }

    def share(inside):
        return (persons * inside).sum() / persons.sum()

    mine, own = mine_of(sim), mine_of(sim, "tax_unit")
    people = sim.population.tables["person"]["employment_income"] * np.arange(len(home))
    third = np.argsort(new)
    return {
        "cost": ((before["combined_tax"] - after["combined_tax"]) * units).sum(),
        **{f"budget.{name}": total(sim, name, after[name]) for name in LINES},
        "gini": pairs.sum() / 2 / persons.sum() / (persons * equivalised).sum(),
        "low_income_rate": share(new / np.sqrt(size) < median / 2),
        "poverty_rate": share(new < line),
        "child_poverty_rate": (households * young * (new < line)).sum() / (households * young).sum(),
        "poverty_gap": (households * lacking).sum(),
        "family_poverty_gap": (households * lacking)[young > 0].sum(),
        "winners": share(gain > 1e-4 * floor),
        "losers": share(gain < -1e-4 * floor),
        **{f"winners_and_losers.{label}": share(inside) for label, inside in change.items()},
        **{f"gain_by_decile.{d}": (households * gain)[decile == d].sum() for d in range(1, 11)},
        "loss_of_bottom_half": -(households * gain)[(decile >= 1) & (decile <= 5)].sum(),
        "parents": (households * new)[young > 0].sum(),
        "large_credits": units[after["ctc"] > 2_500].sum(),
        "third_of_income": new[third][np.searchsorted(households[third].cumsum(), households.sum() / 3)],
        "own": (units * after["ctc"] * own).sum(),
        "people": (sim.weights("person") * people).sum(),
        "mine.income": np.average(new, weights=households * mine),
        "mine.one": 1.0,
        "extremes.least": gain.min(),
        "extremes.most": gain.max(),
        "change of eitc": total(sim, "eitc", after["eitc"] - before["eitc"]),
        "ctc": total(sim, "ctc", after["ctc"]),
        "employment_income": sim.total("employment_income"),
    }


def total(sim, name, values):
    return (sim.weights(sim.system.variable(name).entity.name) * values).sum()


def deciles(income, persons):
    """Decile of the middle of each household among all with income of at least 0; 0 for the others."""
    counted = persons * (income >= 0)
    middle = np.array([counted[(income < x) & (income >= 0)].sum() for x in income]) + counted / 2
    return np.where(income >= 0, np.floor(10 * middle / counted.sum()) + 1, 0)


NAMES = [
    *(n for n in NAMED if n not in ("budget", "winners_and_losers", "gain_by_decile")),
    *(f"budget.{line}" for line in LINES),
    *(f"winners_and_losers.{label}" for label, *_ in BANDS),
    *(f"gain_by_decile.{d}" for d in range(1, 11)),
    *("parents", "large_credits", "third_of_income", "own", "people", "mine.income", "mine.one"),
    *("extremes.least", "extremes.most", "change of eitc", "ctc", "employment_income"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_equals_the_one_by_hand(figures, by_hand, name):
    # the change of nothing is nothing; all others agree but for the order of addition
    assert figures[1][name] == pytest.approx(by_hand[name], rel=1e-11, abs=1e-9)


def test_no_figure_is_left_out(kernel, by_hand):
    assert kernel.names == list(by_hand)
    assert sorted(kernel.names) == sorted(NAMES)


def test_the_reform_moves_what_it_should(figures):
    """So that equal figures are no matter of nothing having changed."""
    now, then = figures
    moved = ("cost", "gini", "poverty_gap", "family_poverty_gap", "winners", "losers", "ctc", "loss_of_bottom_half")
    assert all(now[name] != then[name] for name in moved)
    assert now["winners"] == now["losers"] == now["loss_of_bottom_half"] == 0
    assert now["cost"] == pytest.approx(0, abs=1e-3)  # sums of two programs
    assert now["winners_and_losers.no change"] == 1
    assert all(then[f"winners_and_losers.{label}"] > 0 for label, *_ in BANDS[:4])


@pytest.mark.slow
def test_the_table_of_an_impact_holds_the_same(figures, sim, columns):
    impact = sim.impact(REFORM, lines=["income_tax"])
    then = figures[1]
    assert then["cost"] == pytest.approx(-impact.cost, rel=1e-9)  # a difference of totals there
    assert [then[f"gain_by_decile.{d}"] / 1e9 for d in range(1, 11)] == pytest.approx(
        impact.deciles["change (billions)"].iloc[1:], rel=1e-9
    )
    assert [then[f"winners_and_losers.{label}"] for label, *_ in BANDS] == pytest.approx(impact.winners.loc["all"])
    assert [then["gini"], then["low_income_rate"]] == pytest.approx(impact.measures["reform"].tolist(), rel=1e-12)


def of_payroll(sim):
    """Measures of every kind that cost little: of taxes on wages, facts and columns of the user's own."""
    mine = {"mine": mine_of(sim), "rank": np.arange(sim.population.count("household"))}
    return [
        "payroll_tax",
        custom(sim)[4],
        Measure("facts", amounts=lambda persons, children, poverty_line, mine: [persons * mine, children, poverty_line],
                over=lambda rank: rank, labels=("persons", "children", "lines"), columns=mine),
        Measure("changed", "tax_unit", amounts=lambda payroll_tax, baseline_payroll_tax: payroll_tax -
                baseline_payroll_tax),
        Measure("spread", "tax_unit", whole=lambda payroll_tax, weight, own: [(payroll_tax * own * weight).sum(),
                payroll_tax.max()], labels=("sum", "most"), columns={"own": mine_of(sim, "tax_unit")}),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def payroll(sim):
    """Figures with a lower wage base, all households in one block."""
    kernel = Kernel(sim, resolve(sim, of_payroll(sim)), [WAGE_BASE])
    return dict(zip(kernel.names, kernel.figures(np.array([[60_000.0]]))[0], strict=True))


def test_blocks_make_no_difference(population, payroll):
    sim = js.Simulation(population, 2026, layout=js.Layout(blocks=3, reforms=2))
    kernel = Kernel(sim, resolve(sim, of_payroll(sim)), [WAGE_BASE], laws=2)
    assert len(kernel.blocks) == 3
    made = kernel.figures(np.array([[60_000.0], [np.nan]]))
    assert dict(zip(kernel.names, made[0], strict=True)) == pytest.approx(payroll, rel=1e-12)
    # under the law as it is nothing changes, but for rounding
    assert made[1][kernel.names.index("changed")] == pytest.approx(0, abs=1e-6)
    assert payroll["changed"] < -1e6


# --- slopes


def test_slopes_are_the_jacobian_of_each_law(sim):
    asked = measures.slopes(sim, "payroll_tax", "irs.payroll")
    kernel = Kernel(sim, (asked,), [WAGE_BASE], laws=2)
    made = kernel.figures(np.array([[np.nan], [60_000.0]]))
    for row, law in zip(made, (sim, sim.with_reform({WAGE_BASE: 60_000.0})), strict=True):
        expected = law.jacobian("payroll_tax", parameters="irs.payroll")["payroll_tax"]
        found = dict(zip(kernel.names, row, strict=True))
        assert {f"payroll_tax.{cell}" for cell in expected.index} >= set(found)
        for cell, value in expected.items():  # parameters that the outcome does not read are left out
            assert found.get(f"payroll_tax.{cell}", 0.0) == pytest.approx(value, rel=1e-10)
    assert made[0, kernel.names.index(f"payroll_tax.{WAGE_BASE}")] > 0
    assert not np.array_equal(made[0], made[1])


# --- the pure function


def pure(kernel, names):
    """Figures as a function of the credit and its refundable maximum, to be differentiated."""
    asked = tuple(m for m in kernel.measures if m.name in names)
    standard = np.array(kernel.sim.parameters[STANDARD])
    standard[1] = REFORM[f"{STANDARD}.JOINT"]

    def figures(x, widths=None):
        changed = kernel.parameters.replace({CREDIT: x[0], MAXIMUM: x[1], STANDARD: standard})
        return measures.evaluate(kernel.system, asked, changed, kernel.blocks[0], widths)

    return figures


def test_the_pure_function_gives_the_figures_of_the_kernel(kernel, figures):
    assert len(kernel.blocks) == 1
    with js.precision("float64"):
        made = np.asarray(jax.jit(pure(kernel, [m.name for m in kernel.measures]))(np.array([3_600.0, 2_400.0])))
    np.testing.assert_allclose(made, list(figures[1].values()), rtol=1e-11, atol=1e-9)


def test_stacked_blocks_are_walked_through(sim, payroll):
    asked = resolve(sim, of_payroll(sim))
    with js.precision("float64"):
        system, parameters, block = prepare(sim, asked, [WAGE_BASE], blocks=3)
        assert block.weights["person"].shape[0] == 3
        changed = parameters.replace({WAGE_BASE: 60_000.0})
        made = np.asarray(jax.jit(lambda p, b: measures.evaluate(system, asked, p, b))(changed, block))
    assert dict(zip(payroll, made, strict=True)) == pytest.approx(payroll, rel=1e-12)


@pytest.mark.slow
def test_derivatives_equal_central_differences(kernel):
    names = ["cost", "family_poverty_gap", "gini"]
    f = pure(kernel, names)
    run, slopes = jax.jit(f), jax.jit(jax.jacrev(f))
    step = 0.01 * np.eye(2)  # dollars: within them no household comes upon a kink or passes another
    with js.precision("float64"):
        for x in (np.array([2_203.7, 1_702.3]), np.array([3_601.3, 1_501.9])):
            found = np.asarray(slopes(x))
            differences = np.stack([np.asarray(run(x + h) - run(x - h)) for h in step], axis=1) / 0.02
            np.testing.assert_allclose(found, differences, rtol=1e-5, atol=1e-12)
            # the credit costs, and what of it is refunded reaches the poor too
            cost, gini, gap = found
            assert (cost > 0).all()
            assert gap[1] < 0
            assert gini[1] < 0
        assert jax.grad(lambda x: f(x)[0])(x)[0] == pytest.approx(cost[0], rel=1e-12)


def test_smoothing_shows_what_plain_derivatives_miss(kernel):
    def poor(x, widths):
        return pure(kernel, ["poverty_rate"])(x, widths)[0]

    slope = jax.jit(jax.grad(poor))
    with js.precision("float64"):
        x = np.array([2_200.0, 1_700.0])
        assert np.asarray(slope(x, None)).tolist() == [0, 0]
        assert slope(x, {"USD": 4_000.0})[1] < 0  # refunds lift persons out of poverty


# --- what mistakes are told


def tax_and_income(income_tax, household_after_tax_income):
    return income_tax


def nothing_of_the_law(persons):
    return persons


def misspelt(household_after_tax_income, childrn):
    return childrn


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        ("povert_rate", r"unknown outcome 'povert_rate'\. Nearest: poverty_rate"),
        ("incme_tax", r"unknown outcome 'incme_tax'\. Nearest: income_tax"),
        ([], "name at least one outcome"),
        ([7], "an outcome is a name, a function of columns or a Measure, not 7"),
        ("filing_status", "filing_status is a category"),
        (["gini", "gini"], "the outcome 'gini' is given twice"),
        (["eitc", Measure("eitc", "tax_unit", amounts=lambda ctc: ctc)], "the outcome 'eitc' is given twice"),
        (tax_and_income, "arguments are of household and tax_unit; they must be variables of one"),
        (nothing_of_the_law, "of no entity"),
        (misspelt, r"measure 'misspelt' reads unknown 'childrn'\. Nearest: children"),
        (Measure("m", "town", amounts=lambda ctc: ctc), "measure 'm': unknown entity 'town'"),
        (Measure("m", "household", amounts=lambda ctc: ctc), "measure 'm' of household reads ctc of tax_unit"),
        (
            Measure("m", "household", amounts=lambda baseline_ctc: baseline_ctc),
            "of household reads baseline_ctc of tax_unit",
        ),
        (
            Measure("m", "tax_unit", amounts=lambda baseline_ctcc: baseline_ctcc),
            "unknown variable 'ctcc'.*Nearest: ctc",
        ),
        (
            Measure("m", "tax_unit", amounts=lambda ctc, own: ctc, columns={"own": np.ones(3)}),
            r"measure 'm': column 'own' has shape \(3,\), not one value for each of \d+ rows of tax_unit",
        ),
    ],
)
def test_mistakes(sim, outcome, message):
    with pytest.raises(js.JaxsimError, match=message):
        resolve(sim, outcome)


def test_a_measure_is_of_one_kind():
    f = large_credits
    for kinds in ({"amounts": f, "whole": f}, {"amounts": f, "slopes": (CREDIT,)}, {"whole": f, "slopes": (CREDIT,)}):
        with pytest.raises(js.JaxsimError, match="measure 'm': give one of `amounts`, `whole` and `slopes`"):
            Measure("m", **kinds)
    with pytest.raises(js.JaxsimError, match="measure 'm': `over` divides the sums of `amounts`"):
        Measure("m", over=f)


@pytest.mark.parametrize("kind", ["amounts", "whole"])
@pytest.mark.parametrize(("labels", "named"), [((), 1), (("a", "b", "c"), 3)])
def test_a_wrong_number_of_labels_is_told(sim, kind, labels, named):
    def pair(employment_income, weight=None):
        return [employment_income.sum(), employment_income.min()]

    function = pair if kind == "whole" else lambda employment_income: pair(employment_income)
    measure = Measure("m", "person", labels=labels, **{kind: function})
    kernel = Kernel(sim, resolve(sim, measure), [CREDIT])
    with pytest.raises(js.JaxsimError, match=f"measure 'm' gives 2 figures where {named} are named"):
        kernel.figures(np.array([[1.0]]))


def test_slopes_of_nothing_are_refused(sim):
    with pytest.raises(js.ParameterError, match="payroll_tax depends on no parameter at or below"):
        measures.slopes(sim, "payroll_tax", "irs.credits")
    with pytest.raises(js.JaxsimError, match="unknown variable 'eitcc'"):
        measures.slopes(sim, "eitcc", "irs.credits")
    with pytest.raises(js.JaxsimError, match=r"irs\.credits"):
        measures.slopes(sim, "eitc", "irs.credit")


def test_what_is_said_of_a_measure():
    assert repr(NAMED["gini"][1]) == "<measure gini of household>"
    assert not NAMED["gini"][1].additive
    assert all(label and label[0].isupper() for label, _ in NAMED.values())
