"""Plans: what designs and tables hold, and what every mistake in them is told."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import jaxsim as js
from jaxsim.sweep import table
from jaxsim.sweep.plan import as_plan

CREDIT = "irs.credits.ctc.amount"
JOINT = "irs.deductions.standard.amount.JOINT"
TOP = "irs.income_tax.rates.rate.7"
BOUNDS = {CREDIT: (0, 6_000), TOP: (0.3, 0.5)}
DESIGNS = [js.latin_hypercube, js.sobol, js.uniform]


@pytest.fixture(scope="module")
def law():
    return js.load_law()


# --- designs


def test_a_grid_holds_every_combination_the_last_changing_fastest():
    plan = js.grid({CREDIT: [1_000, 2_000], JOINT: (30_000, 31_000, 32_000)})
    assert len(plan) == 6
    assert plan.design == "grid of 2 x 3"
    assert plan.to_frame()[CREDIT].tolist() == [1_000] * 3 + [2_000] * 3
    assert plan.to_frame()[JOINT].tolist() == [30_000, 31_000, 32_000] * 2


def test_paths_in_a_tuple_share_their_values():
    pair = ("irs.deductions.standard.amount.SINGLE", "irs.deductions.standard.amount.SEPARATE")
    for plan in (
        js.grid({pair: [1, 2], CREDIT: [3]}),
        js.uniform({pair: (0, 1), CREDIT: (2, 3)}, 5),
        js.draws({pair: stats.norm(10, 1)}, 5),
    ):
        frame = plan.to_frame()
        assert frame[pair[0]].equals(frame[pair[1]].rename(pair[0]))


@pytest.mark.parametrize("design", DESIGNS)
def test_designs_lie_within_their_bounds_and_follow_their_seed(design):
    plan = design(BOUNDS, 100, seed=3)
    assert len(plan) == 100
    assert plan.seed == 3
    frame = plan.to_frame()
    for path, (low, high) in BOUNDS.items():
        assert low <= frame[path].min() < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < frame[path].max() <= high
    pd.testing.assert_frame_equal(design(BOUNDS, 100, seed=3).to_frame(), frame)
    assert not np.array_equal(design(BOUNDS, 100, seed=4).to_frame(), frame)


def test_a_latin_hypercube_fills_every_margin():
    frame = js.latin_hypercube(BOUNDS, 50).to_frame()
    for path, (low, high) in BOUNDS.items():
        cells = np.floor(50 * (frame[path] - low) / (high - low))
        assert sorted(cells) == list(range(50))


def test_sobol_fills_halves_and_quarters_evenly():
    frame = js.sobol(BOUNDS, 64).to_frame()
    quarters = [np.floor(4 * (frame[p] - low) / (high - low)) for p, (low, high) in BOUNDS.items()]
    assert np.unique(np.stack(quarters), axis=1, return_counts=True)[1].tolist() == [4] * 16
    assert len(js.sobol(BOUNDS, 5)) == 5
    assert len(js.sobol(BOUNDS, 1)) == 1


def test_draws_follow_their_distributions():
    plan = js.draws({CREDIT: stats.norm(2_200, 100), TOP: stats.uniform(0.3, 0.2)}, 500, seed=1)
    assert plan.seed == 1
    credit, rate = plan.to_frame()[CREDIT], plan.to_frame()[TOP]
    assert credit.mean() == pytest.approx(2_200, abs=1)  # a Latin hypercube: far within 100 / sqrt(500)
    assert credit.std() == pytest.approx(100, rel=0.02)
    assert 0.3 <= rate.min() <= rate.max() <= 0.5
    assert abs(np.corrcoef(credit, rate)[0, 1]) < 0.2


# --- tables and reforms one by one


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_an_empty_cell_of_a_table_leaves_the_law_as_it_is(tmp_path, law, ending):
    frame = pd.DataFrame({CREDIT: [3_000, None, 2_500], JOINT: [None, 30_000.5, 31_000]})
    path = tmp_path / f"plan.{ending}"
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    plan = as_plan(path)
    cells, values = plan.table(law)
    assert cells == [CREDIT, JOINT]
    np.testing.assert_array_equal(values, [[3_000, np.nan], [np.nan, 30_000.5], [2_500, 31_000]])
    assert f"plan.{ending}" in repr(plan)
    pd.testing.assert_frame_equal(as_plan(str(path)).to_frame(), plan.to_frame())
    pd.testing.assert_frame_equal(as_plan(frame).to_frame(), plan.to_frame())


def test_reforms_one_by_one(law):
    rows = [{CREDIT: 3_000}, js.Reform({JOINT: 40_000.0}), {JOINT: 35_000, CREDIT: 0}]
    expected = [[3_000, np.nan], [np.nan, 40_000], [0, 35_000]]
    for plan in (as_plan(rows), as_plan(row for row in rows)):
        cells, values = plan.table(law)
        assert cells == [CREDIT, JOINT]
        np.testing.assert_array_equal(values, expected)


def test_whole_arrays_may_vary(law):
    path = "irs.income_tax.rates.rate"
    rates = law.in_year(2026)[path]
    plan = as_plan({path: np.stack([rates, rates + 0.01])})
    cells, values = plan.table(law)
    assert cells == law[path].cell_names()
    np.testing.assert_array_equal(values, [rates, rates + 0.01])
    assert list(plan.to_frame().columns) == []


# --- YAML


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (f"design: sobol\nn: 8\nseed: 2\nparameters: {{{CREDIT}: [0, 6000]}}", js.sobol({CREDIT: (0, 6_000)}, 8, 2)),
        (f"design: latin_hypercube\nn: 8\nparameters: {{{CREDIT}: [0, 9]}}", js.latin_hypercube({CREDIT: (0, 9)}, 8)),
        (f"design: uniform\nn: 8\nparameters: {{{CREDIT}: [0, 6e3]}}", js.uniform({CREDIT: (0, 6_000)}, 8)),
        (f"parameters: {{{CREDIT}: [1, 2], {TOP}: [0.3]}}", js.grid({CREDIT: [1, 2], TOP: [0.3]})),
        (f"parameters: {{{CREDIT}: {{from: 0, to: 30, step: 10}}}}", js.grid({CREDIT: [0, 10, 20, 30]})),
        # a step that does not meet the end stops before it; one that meets it but for rounding includes it
        (f"parameters: {{{CREDIT}: {{from: 0, to: 11, step: 4}}}}", js.grid({CREDIT: [0, 4, 8]})),
        (
            f"parameters: {{{TOP}: {{from: 0.3, to: 0.6, step: 0.1}}}}",
            js.grid({TOP: [0.3 + 0.1 * k for k in range(4)]}),
        ),
    ],
)
def test_designs_in_yaml(tmp_path, text, same):
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    plan = as_plan(path)
    pd.testing.assert_frame_equal(plan.to_frame(), same.to_frame())
    assert (plan.design, plan.seed) == (same.design, same.seed)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("parameters: [", "not valid YAML"),
        ("parameters: {a: [1], a: [2]}", "not valid YAML"),
        ("- 1", "expected a mapping"),
        ("design: grid", "expected a mapping"),
        ("design: halton\nparameters: {a: [0, 1]}", "unknown design 'halton'.*latin_hypercube"),
        ("design: sobol\nsize: 3\nparameters: {a: [0, 1]}", "unknown key 'size'"),
        ("n: 3\nparameters: {a: [0, 1]}", "unknown key 'n'"),
        ("design: sobol\nparameters: {a: [0, 1]}", "give n"),
        ("design: sobol\nn: 0\nparameters: {a: [0, 1]}", "give n"),
        ("design: sobol\nn: 2\nseed: x\nparameters: {a: [0, 1]}", "give n"),
        ("design: sobol\nn: 2\nparameters: {a: [1, 0]}", "a: bounds 1 and 0"),
        ("design: sobol\nn: 2\nparameters: {a: 3}", "a: give a lower and an upper bound"),
        ("parameters: {}", "at least one parameter path"),
        ("parameters: {a: []}", "a: give at least one value"),
        ("parameters: {a: {from: 0, to: 10}}", "from, to and step"),
        ("parameters: {a: {from: 0, to: 10, step: 0}}", "from, to and step"),
        ("parameters: {a: {from: 10, to: 0, step: 1}}", "a: give at least one value"),
        ("parameters: {a: [low]}", "plan.yaml: .*low"),
    ],
)
def test_mistakes_in_yaml(tmp_path, text, message):
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    with pytest.raises(js.ReformError, match=message) as raised:
        as_plan(path)
    assert str(path) in str(raised.value)


# --- what mistakes are told


def test_an_unknown_parameter_is_told_its_nearest(law):
    with pytest.raises(js.ParameterError, match=r"irs\.credits\.ctc\.amonut.*Nearest: irs\.credits\.ctc\.amount"):
        as_plan({"irs.credits.ctc.amonut": [1.0]}).table(law)


def test_a_value_outside_its_range_is_told_with_reform_and_path(law):
    plan = js.grid({CREDIT: [1, 2], TOP: [0.3, 0.4, 1.5]})
    with pytest.raises(js.ParameterError, match=rf"{TOP}: reform 2 has 1\.5, outside the valid range 0 to 1"):
        plan.table(law)
    with pytest.raises(js.ParameterError, match=f"{CREDIT}: reform 1 has inf"):
        as_plan({CREDIT: [1, np.inf]}).table(law)


def test_an_array_needs_a_cell_or_all_its_values(law):
    with pytest.raises(js.JaxsimError, match=r"has 5 cells: name one, e\.g\. .*amount\.SINGLE"):
        as_plan({"irs.deductions.standard.amount": [1.0, 2.0]}).table(law)


def test_text_in_a_table_is_told_with_row_and_column(tmp_path):
    path = tmp_path / "plan.csv"
    path.write_text(f"{CREDIT},{TOP}\n3000,0.4\n2000,high\n")
    with pytest.raises(js.ReformError, match=rf"plan\.csv: row 1, column '{TOP}': 'high' is not a number"):
        as_plan(path)


def write(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: as_plan(p / "none.csv"), r"none\.csv: there is no such file"),
        (lambda p: as_plan(p / "none.yaml"), r"none\.yaml: there is no such file"),
        (lambda p: as_plan(p), "cannot be read as a table"),
        (lambda p: as_plan(write(p / "a.parquet", "text")), r"a\.parquet: cannot be read as a table"),
        (lambda p: as_plan(write(p / "a.csv", "")), r"a\.csv: cannot be read as a table"),
        (lambda p: as_plan(write(p / "a.csv", f"{CREDIT}\n")), r"a\.csv: there are no reforms in it"),
        (lambda p: table([[1, 2]]), "a table of reforms is"),
        (lambda p: table(pd.DataFrame([[1, 2]], columns=[CREDIT, CREDIT])), f"{CREDIT}' is given twice"),
        (lambda p: as_plan([]), "the plan holds no reforms"),
        (lambda p: as_plan(iter(())), "the plan holds no reforms"),
        (lambda p: as_plan([{CREDIT: 1}, 7]), "reform 1 is no mapping"),
        (lambda p: as_plan([js.Reform({CREDIT: {2026: 1.0}})]), "for the one year of its simulation"),
        (lambda p: as_plan(7), "a plan is a Plan"),
        (lambda p: as_plan({CREDIT: ["high"]}), "arrays of numbers"),
        (lambda p: js.grid({}), "at least one parameter path"),
        (lambda p: js.grid([CREDIT]), "at least one parameter path"),
        (lambda p: js.grid({CREDIT: []}), f"{CREDIT}: give at least one value"),
        (lambda p: js.grid({CREDIT: 7}), f"{CREDIT}: give its values"),
        (lambda p: js.grid({CREDIT: [1], (CREDIT, TOP): [2]}), f"{CREDIT} is given twice"),
        (lambda p: js.draws({CREDIT: (0, 1)}, 5), f"{CREDIT}: give a distribution"),
        (lambda p: js.draws({CREDIT: stats.norm(0, -1)}, 5), f"{CREDIT}: its distribution"),
        (lambda p: js.draws({}, 5), "at least one parameter path"),
        (lambda p: js.draws({CREDIT: stats.norm(0, 1)}, 0), "n=0"),
    ],
)
def test_mistakes_in_plans(tmp_path, make, message):
    with pytest.raises(js.ReformError, match=message):
        make(tmp_path)


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize(
    ("bounds", "n", "message"),
    [
        ({CREDIT: (6_000, 0)}, 4, f"{CREDIT}: bounds 6000 and 0: the lower must be below"),
        ({CREDIT: (0, np.inf)}, 4, f"{CREDIT}: bounds 0 and inf"),
        ({CREDIT: (0, 1, 2)}, 4, f"{CREDIT}: give a lower and an upper bound"),
        ({CREDIT: ("a", "b")}, 4, f"{CREDIT}: give a lower and an upper bound"),
        ({CREDIT: 5}, 4, f"{CREDIT}: give a lower and an upper bound"),
        ({}, 4, "at least one parameter path"),
        ({CREDIT: (0, 1)}, 0, "n=0: give a whole number"),
        ({CREDIT: (0, 1)}, 2.5, r"n=2\.5: give a whole number"),
    ],
)
def test_mistakes_in_bounds(design, bounds, n, message):
    with pytest.raises(js.ReformError, match=message):
        design(bounds, n)


def test_plans_without_values_are_refused_by_the_law(law):
    for plan in ({}, [{}], {CREDIT: []}, {CREDIT: 5.0}, {CREDIT: [1, 2], TOP: [0.3]}):
        with pytest.raises(js.JaxsimError, match=r"give|values where"):
            as_plan(plan).table(law)


def test_names_and_repr():
    assert repr(js.grid({CREDIT: range(1_200)})) == "<Plan, grid of 1200: 1,200 reforms of 1 parameters>"
    plan = js.uniform(BOUNDS, 3)
    assert as_plan(plan) is plan
