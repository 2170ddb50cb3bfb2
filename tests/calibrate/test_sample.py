"""The calibrated sample, the command line of calibration, and the whole chain from the bundled sample to weights."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import jaxsim as js
from jaxsim.calibrate import TargetStore, build_matrix, sample, select
from jaxsim.calibrate.fitting import methods
from jaxsim.cli import cli
from jaxsim.cli_calibrate import METHODS
from jaxsim.errors import InputError, JaxsimError


@pytest.fixture(scope="module")
def calibrated() -> js.Population:
    return js.load_population("cps_calibrated")


@pytest.fixture(scope="module")
def table(calibrated: js.Population) -> pd.DataFrame:
    return sample.official()


def test_the_shipped_weights_meet_their_targets(calibrated: js.Population, table: pd.DataFrame) -> None:
    """What the module says of the shipped weights is so, by the rules of today."""
    sim = js.Simulation(calibrated, sample.YEAR)
    problem = build_matrix(sim, select(sample.SELECTION))
    errors = np.abs(problem.errors(calibrated.weights))
    base = js.Simulation(js.load_population("cps_sample"), sample.YEAR).population.weights
    gone = js.calibrate.unattainable(problem.with_base(base), 0.05, 20.0)
    reachable = ~np.isin(problem.names, gone.index[gone.alone])
    assert errors[reachable].mean() < 0.08
    assert np.median(errors) < 0.03
    people = calibrated.weights @ np.bincount(calibrated.links["household_of_person"])
    assert people / 333.3e6 == pytest.approx(1.0, abs=0.05)


def test_official_totals_are_nearer_than_before(table: pd.DataFrame) -> None:
    """Of what was not targeted most comes nearer; the standard errors are there and small beside the totals."""
    before, after = (np.abs(np.log(table[c] / table.official)) for c in ("uncalibrated", "calibrated"))
    assert (after < before).mean() > 0.6
    assert ((table["standard error"] > 0) & (table["standard error"] < 0.3 * table.calibrated)).all()
    for name in ("taxable Social Security", "Social Security payroll tax"):
        (ratio,) = table[table.index.str.startswith(name)]["calibrated / official"]
        assert ratio == pytest.approx(1.0, abs=0.05)


def test_replicates_average_to_the_weights(calibrated: js.Population) -> None:
    replicates = sample.replicate_weights()
    assert replicates.shape == (sample.REPLICATES, len(calibrated.weights))
    assert ((replicates == 0).sum(0) >= 1).mean() > 0.99  # each household is left out once
    totals = replicates.sum(1) / calibrated.weights.sum()
    np.testing.assert_allclose(totals, 1.0, atol=0.01)


def test_its_year_is_its_own(calibrated: js.Population) -> None:
    assert calibrated.year == sample.YEAR
    assert "calibrated" in calibrated.card
    with pytest.raises(InputError, match="its amounts are of 2022"):
        js.load_population("cps_calibrated", year=2014)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["--no-cache", *map(str, arguments)], catch_exceptions=False)


def test_calibrate_writes_weights_targets_and_a_report(tmp_path) -> None:
    selection = tmp_path / "few.yaml"
    selection.write_text("period: 2022\ntargets:\n  - source: census_age_groups_2022\n"
                         "  - source: census_states_2023\n    reconcile: census_age_groups_2022\n")  # fmt: skip
    out = tmp_path / "fit"
    done = run("calibrate", "--targets", selection, "-o", "steps=50", "-o", "loss=relative_squared", "--out", out)
    assert done.exit_code == 0, done.output
    assert "census_states_2023.population" in done.output
    weights = pd.read_csv(out / "weights.csv")
    assert list(weights.columns) == ["household_id", "base", "weight"]
    assert (weights.weight > 0).all()
    targets = pd.read_csv(out / "targets.csv")
    assert targets.error.abs().mean() < targets["base error"].abs().mean()
    assert "<html" in (out / "report.html").read_text().lower()
    assert not list(out.glob("checkpoint*"))


def test_targets_are_shown_checked_and_saved(tmp_path) -> None:
    assert "Table 2.5" in run("targets", "--where", "source = 'soi_eitc_2022'").output
    assert "soi_states_2022" in run("targets", "--check").output
    path = tmp_path / "targets.db"
    assert run("targets", "--save", path).exit_code == 0
    assert len(TargetStore(path).targets()) > 2_500


def test_the_command_knows_all_methods() -> None:
    assert tuple(methods()) == METHODS


def test_wrong_options_of_the_command(tmp_path) -> None:
    with pytest.raises(JaxsimError, match="no selection 'us_2021'"):
        run("calibrate", "--targets", "us_2021", "--out", tmp_path)
    assert "NAME=VALUE" in run("calibrate", "-o", "steps", "--out", tmp_path).output
