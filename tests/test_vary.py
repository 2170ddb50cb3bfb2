"""Batched variants: both kernels equal one reform at a time."""

import numpy as np
import pytest

import jaxsim as js
from jaxsim.measures import resolve
from jaxsim.sweep.kernel import Kernel

PATHS = {
    "irs.credits.ctc.amount": np.linspace(0, 5_000, 41),
    "irs.deductions.standard.amount.JOINT": np.linspace(20_000, 40_000, 41),
}


@pytest.mark.parametrize("kernel", ["generic", "specialised"])
@pytest.mark.parametrize("layout", [js.Layout(), pytest.param(js.Layout(blocks=3, reforms=7), marks=pytest.mark.slow)])
def test_kernels_equal_single_runs(population, kernel, layout):
    sim = js.Simulation(population, 2026, layout=layout)
    table = sim.vary(["income_tax", "eitc"], PATHS, kernel=kernel)
    assert list(table.columns) == [*PATHS, "income_tax", "eitc"]
    for r in (0, 17, 40):
        alone = sim.with_reform({path: float(v[r]) for path, v in PATHS.items()}).total("income_tax", "eitc")
        np.testing.assert_allclose(table.loc[r, ["income_tax", "eitc"]].to_numpy(float), alone, rtol=1e-12)


def test_a_whole_array_may_vary(sim):
    base = sim.parameters["irs.income_tax.rates.rate"]
    rates = np.stack([base, base * 1.1])
    table = sim.vary("income_tax", {"irs.income_tax.rates.rate": rates})
    assert table["income_tax"][0] == pytest.approx(sim.total("income_tax"))
    assert table["income_tax"][1] > table["income_tax"][0]


def test_parameters_that_do_not_matter_change_nothing(sim):
    table = sim.vary("eitc", {"irs.income_tax.rates.rate.7": np.array([0.1, 0.9])})
    assert table["eitc"].nunique() == 1


def test_the_generic_kernel_is_compiled_once_for_any_cells(sim):
    measures = resolve(sim, "payroll_tax")
    for path in ("irs.payroll.social_security.wage_base", "irs.payroll.medicare.employee_rate"):
        kernel = Kernel(sim, measures, [path], kernel="generic", laws=8)
        kernel.figures(np.linspace(0.01, 1, 8)[:, None])
        assert kernel._jitted._cache_size() == 1


def test_a_cell_given_twice_is_refused(sim):
    with pytest.raises(js.JaxsimError, match="twice"):
        sim.vary(
            "eitc",
            {
                "irs.deductions.standard.amount": np.full((2, 5), 1.0),
                "irs.deductions.standard.amount.JOINT": np.array([1.0, 2.0]),
            },
        )


def test_progress_bar_is_optional(sim, capsys):
    sim.vary("eitc", {"irs.credits.ctc.amount": np.array([1.0, 2.0])}, progress=True)
    assert "2 reforms" in capsys.readouterr().out
