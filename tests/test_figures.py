"""Figures as a function of parameters: equal to reforms one by one, with derivatives equal to differences."""

import jax
import numpy as np
import pytest

import jaxsim as js
from jaxsim import figures as module
from jaxsim import measures
from jaxsim.figures import Figures
from jaxsim.measures import evaluate, resolve
from jaxsim.precision import precision
from jaxsim.residual import leaf_of, prepare
from jaxsim.sweep.kernel import Kernel

CREDIT = "irs.credits.ctc.amount"
MAXIMUM = "irs.credits.ctc.refundable.maximum"
THRESHOLD = "irs.credits.ctc.phase_out.threshold"
RATE = "irs.payroll.social_security.employee_rate"
BASE = "irs.payroll.social_security.wage_base"
OUTCOMES = ["income_tax", "cost", "gini", "family_poverty_gap", "poverty_rate"]
TIED = (f"{THRESHOLD}.JOINT", f"{THRESHOLD}.HEAD_OF_HOUSEHOLD")
COORDINATES = [(CREDIT,), (MAXIMUM,), TIED]
POINT = np.array([2_531.7, 1_834.3, 61_003.4])  # off round numbers; the phase-out begins where many households are
WINDOWS = {"USD": 3_000.0, "year": 4.0}
STEP = 0.05  # dollars of a central difference
# rounding of a total of 1e8 over this step is 1e-7 of a derivative of 1e4 at most, kinks aside
TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def figures(sim):
    return Figures(sim, resolve(sim, OUTCOMES), COORDINATES)


@pytest.fixture(scope="module", params=[None, WINDOWS], ids=["exact", "smoothed"])
def widths(request):
    return request.param


@pytest.fixture(scope="module")
def forward(figures, widths):
    return figures.jacobian(POINT, widths)


def test_figures_are_those_of_the_reform(sim, figures):
    reform = sim.with_reform(figures.changes(POINT))
    found = dict(zip(figures.names, figures(POINT), strict=True))
    assert list(found) == OUTCOMES
    after = reform.total("income_tax", "combined_tax")
    assert found["income_tax"] == pytest.approx(after["income_tax"], rel=1e-12)
    lost = sim.total("income_tax", "combined_tax")["combined_tax"] - after["combined_tax"]
    assert found["cost"] == pytest.approx(lost, rel=1e-9)  # a difference of totals thirty times as large
    own = Figures(reform, figures.measures, COORDINATES)
    np.testing.assert_array_equal(own.start, POINT)
    # `cost` alone depends on the law that a simulation starts from
    kept = [k for k, name in enumerate(OUTCOMES) if name != "cost"]
    np.testing.assert_allclose(own(POINT)[kept], figures(POINT)[kept], rtol=1e-12)
    assert own(POINT)[OUTCOMES.index("cost")] == 0


@pytest.mark.slow
def test_figures_are_those_of_a_kernel(sim, figures):
    cells = [CREDIT, MAXIMUM, *TIED]
    kernel = Kernel(sim, figures.measures, cells, kernel="generic")
    expected = kernel.figures(POINT[None, [0, 1, 2, 2]])[0]
    np.testing.assert_allclose(figures(POINT), expected, rtol=1e-12)
    np.testing.assert_allclose(figures.jacobian(POINT)[0], expected, rtol=1e-12)


def test_many_points_at_once_are_points_one_by_one(figures):
    points = POINT * np.linspace(0.5, 1.5, 40)[:, None]  # more than a call takes
    made = figures(points)
    assert made.shape == (40, len(OUTCOMES))
    for k in (0, 17, 39):
        np.testing.assert_allclose(made[k], figures(points[k]), rtol=1e-12)


def test_the_start_is_the_law(figures):
    # that of tied cells is their mean
    assert figures.start.tolist() == [2_200, 1_700, 300_000]
    assert figures.labels == [CREDIT, MAXIMUM, f"{TIED[0]} and 1 more"]
    assert figures.changes(POINT) == dict(zip([CREDIT, MAXIMUM, *TIED], POINT[[0, 1, 2, 2]], strict=True))


def test_derivatives_equal_central_differences(figures, widths, forward):
    """Of a total, a change from the baseline, a figure of whole columns, a gap and a ratio, by each coordinate."""
    values, slopes = forward
    for k in range(len(COORDINATES)):
        move = STEP * np.eye(len(COORDINATES))[k]
        ahead, behind = (figures.jacobian(POINT + s * move, widths)[0] for s in (1, -1))
        bend = np.abs(ahead - 2 * values + behind) / STEP
        slope = (ahead - behind) / (2 * STEP)
        assert (bend <= TOLERANCE * np.abs(slope) + 1e-12).all()  # no kink lies within the difference
        np.testing.assert_allclose(slopes[:, k], slope, rtol=TOLERANCE, atol=1e-12)


def test_what_derivatives_see(widths, forward):
    """The headcount and the increments of the phase-out are steps: only smoothed derivatives see them."""
    slopes = dict(zip(OUTCOMES, forward[1], strict=True))
    for name in ("income_tax", "cost", "gini", "family_poverty_gap"):
        assert (slopes[name][:2] != 0).any(), name
    assert (slopes["income_tax"][:2] != 0).all()
    assert (slopes["poverty_rate"][1] != 0) == (widths is not None)
    assert (slopes["income_tax"][2] != 0) == (widths is not None)


def test_backward_is_forward(figures, widths, forward):
    values, slopes = figures._reverse(POINT, widths, False)
    np.testing.assert_allclose(values, forward[0], rtol=1e-12)
    np.testing.assert_allclose(slopes, forward[1], rtol=1e-9, atol=1e-18)


def test_many_coordinates_go_backward(figures, monkeypatch, forward, widths):
    asked = []
    monkeypatch.setattr(figures, "_reverse", lambda *a: asked.append(a))
    figures.jacobian(POINT, widths)
    assert not asked
    monkeypatch.setattr(module, "FORWARD_UP_TO", 2)
    figures.jacobian(POINT, widths)
    assert len(asked) == 1


def test_blocks_change_nothing(sim, figures, forward, widths):
    """A population in several blocks is walked through, forward and backward."""
    cut = Figures(sim._copy(layout=js.Layout(blocks=3)), figures.measures, COORDINATES)
    assert next(iter(cut.population.weights.values())).shape[0] == 3
    for values, slopes in (cut.jacobian(POINT, widths), cut._reverse(POINT, widths, False)):
        np.testing.assert_allclose(values, forward[0], rtol=1e-12)
        np.testing.assert_allclose(slopes, forward[1], rtol=1e-9, atol=1e-18)
    np.testing.assert_allclose(cut(POINT), figures(POINT), rtol=1e-12)


def test_tied_cells_move_together(sim, figures):
    """The derivative by a coordinate is the sum of those by its cells."""
    alone = Figures(sim, figures.measures, [(cell,) for cell in (CREDIT, MAXIMUM, *TIED)])
    values, slopes = alone.jacobian(POINT[[0, 1, 2, 2]], WINDOWS)
    expected = figures.jacobian(POINT, WINDOWS)
    np.testing.assert_allclose(values, expected[0], rtol=1e-12)
    np.testing.assert_allclose(np.c_[slopes[:, :2], slopes[:, 2:].sum(1)], expected[1], rtol=1e-10)
    assert (slopes[:, 2:] != 0).any(0).all()


def test_other_values_need_no_other_program(sim, figures, widths, forward):
    run = module._forward(figures.system, figures.measures, figures.read, False)
    figures(POINT)
    kernel = figures._kernels["exact"]._jitted
    made = run._cache_size(), kernel._cache_size()
    others = None if widths is None else {unit: 1.7 * width for unit, width in widths.items()}
    figures.jacobian(1.1 * POINT, others)
    figures(1.2 * POINT)
    # nor do figures made anew under another law
    elsewhere = Figures(sim.with_reform({CREDIT: 1_000.0}), figures.measures, COORDINATES)
    elsewhere.jacobian(1.3 * POINT, others)
    assert elsewhere.system is figures.system
    assert (run._cache_size(), kernel._cache_size()) == made


def test_single_precision(sim):
    """Payroll taxes in float32: figures and derivatives to its seven digits, with some lost in the sums."""
    wanted = [(RATE,), (BASE,)]
    exact, narrow = (Figures(s, resolve(s, "payroll_tax"), wanted) for s in (sim, sim._copy(precision="float32")))
    point = np.array([0.07, 150_000.0])
    for a, b in zip(exact.jacobian(point), narrow.jacobian(point), strict=True):
        assert b.dtype == np.float64
        np.testing.assert_allclose(b, a, rtol=1e-5)
    np.testing.assert_allclose(narrow(point), exact(point), rtol=1e-6)


def test_a_coordinate_without_bearing(sim):
    """Figures that do not read a parameter have derivative zero by it, forward and backward."""
    both = Figures(sim, resolve(sim, "payroll_tax"), [(CREDIT,), (RATE,)])
    point = np.array([1_000.0, 0.07])
    for values, slopes in (both.jacobian(point), both._reverse(point, None, False)):
        assert slopes[0, 0] == 0
        assert slopes[0, 1] > 0
        np.testing.assert_allclose(values, both(point), rtol=1e-12)
    none = Figures(sim, both.measures, [(CREDIT,)])
    assert none.jacobian([1_000.0])[1].tolist() == [[0.0]]


@pytest.mark.parametrize(
    ("coordinates", "message"),
    [
        ([(CREDIT,), (MAXIMUM, CREDIT)], "amount is given twice"),
        ([(THRESHOLD,)], r"has 5 cells: name one, e\.g\. .*threshold\.SINGLE"),
        ([("irs.credits.ctc.amuont",)], r"unknown parameter 'irs\.credits\.ctc\.amuont'.*irs\.credits\.ctc\.amount"),
        ([(f"{THRESHOLD}.SINGEL",)], "unknown parameter.*SINGLE"),
        ([("irs.credits.ctc",)], "unknown parameter"),
    ],
)
def test_mistakes(sim, coordinates, message):
    with pytest.raises(js.ParameterError, match=message):
        Figures(sim, resolve(sim, "payroll_tax"), coordinates)


# --- what is left of the law


def whole_total(sim, changes):
    return sim.with_reform(changes).total("combined_tax")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {CREDIT: 3_141.0},
        {RATE: 0.07, BASE: 120_000.0},  # payroll taxes, and through them income taxes
        {"irs.deductions.standard.amount.JOINT": 20_001.0, CREDIT: 100.0},
        {"irs.income_tax.rates.rate.3": 0.3},
    ],
    ids=lambda changes: ", ".join(changes).replace("irs.", "") or "nothing",
)
def test_the_residual_law_gives_the_totals_of_the_whole(sim, changes):
    outcome = resolve(sim, "combined_tax")
    leaves = {leaf_of(sim, cell) for cell in changes}
    reformed = sim.with_reform(changes).parameters
    for blocks in (1, 3) if list(changes) == [CREDIT] else (1,):
        system, parameters, block = prepare(sim, outcome, leaves, blocks)
        changed = parameters.replace({leaf: reformed[leaf] for leaf in leaves})
        with precision("float64"):
            made = jax.jit(lambda p, b, system=system: evaluate(system, outcome, p, b))(changed, block)
        assert float(made[0]) == pytest.approx(whole_total(sim, changes), rel=1e-12)
        own = [name for name in system.order(["combined_tax"]) if name in system.rules]
        whole = [name for name in sim.system.order(["combined_tax"]) if name in sim.system.rules]
        assert len(own) < len(whole)
        assert set(own) == sim.system.dependents(["combined_tax"], leaves, sim.parameters)
        assert set(parameters.paths()) >= leaves


def test_the_smaller_the_part_that_varies_the_smaller_the_law(sim):
    def size(*cells):
        system, *_ = prepare(sim, resolve(sim, "combined_tax"), {leaf_of(sim, c) for c in cells}, 1)
        return len([name for name in system.order(["combined_tax"]) if name in system.rules])

    assert size() == 0
    assert 0 < size(CREDIT) < size(CREDIT, RATE)
    assert size(CREDIT) < 30  # of 300: the credit, its limit by tax, and the totals


def test_slopes_keep_their_parameters(sim):
    """A measure of derivatives differentiates rules that no varied parameter reaches."""
    wanted = (measures.slopes(sim, "employee_payroll_tax", RATE),)
    system, parameters, block = prepare(sim, wanted, (), 1)
    with precision("float64"):
        made = evaluate(system, wanted, parameters, block)
    slope = sim.gradient("employee_payroll_tax", RATE, smooth=False)["gradient"].iloc[0]
    assert float(made[0]) == pytest.approx(slope, rel=1e-12)
