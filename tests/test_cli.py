"""The command line: what it prints and writes, exit codes, no traceback for a user's mistake."""

import os
import subprocess
import sys

import pandas as pd
import pytest
from click.testing import CliRunner

from jaxsim.cli import cli
from jaxsim.errors import JaxsimError
from jaxsim.sweep.kernel import Kernel
from tests.conftest import make_population

RUNNER = CliRunner()


def jaxsim(*arguments, **options):
    """Run in process; compilation caches stay where they are."""
    return RUNNER.invoke(cli, ["--no-cache", *map(str, arguments)], catch_exceptions=False, **options)


def process(*arguments):
    """Run as a user does, to see exit codes and standard error."""
    code = "import sys; from jaxsim.cli import main; sys.argv[0] = 'jaxsim'; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache", *map(str, arguments)],
        capture_output=True, text=True, check=False, env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )  # fmt: skip


ROWS = """RECID,MARS,XTOT,e00200,e00200p,e00200s,n24,age_head,age_spouse,EIC
1,1,1,50000,50000,0,0,40,0,0
2,2,3,90000,60000,30000,1,45,44,1
"""


@pytest.fixture
def taxcalc_file(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text(ROWS)
    return path


def test_run_takes_a_reform_file(tmp_path):
    reform = tmp_path / "reform.yaml"
    reform.write_text("irs.deductions.standard.amount.SINGLE: {2026: 20000}\n")
    done = jaxsim("run", reform, "--no-gradient")
    assert done.exit_code == 0
    assert "Revenue -" in done.output
    assert "Gradient" not in done.output


@pytest.mark.slow
def test_calc_in_taxcalc_names(taxcalc_file, tmp_path):
    out = tmp_path / "out.csv"
    done = jaxsim("calc", taxcalc_file, "--format", "taxcalc", "--year", 2026, "--out", out)
    assert done.exit_code == 0
    table = pd.read_csv(out).set_index("RECID")
    names = (
        "c00100 standard c04470 qbided c04800 taxbc c09600 niit c07180 c07220 odc c11070 eitc c02500 setax ptax_was "
        "ptax_amc payrolltax iitax combined"
    )
    assert set(names.split()) <= set(table.columns)
    # 26 USC 1(j), 63(c), 2026: single, 50,000 - 16,100 = 33,900; 10% of 12,400, 12% above
    assert table.loc[1, "iitax"] == pytest.approx(1_240 + 0.12 * (33_900 - 12_400))
    assert table.loc[1, "ptax_was"] == pytest.approx(50_000 * 0.153)
    # joint, 90,000 - 32,200 = 57,800; one child 2,200
    assert table.loc[2, "iitax"] == pytest.approx(2_480 + 0.12 * (57_800 - 24_800) - 2_200)


def test_calc_in_taxsim_names(tmp_path):
    source, out = tmp_path / "in.csv", tmp_path / "out.parquet"
    source.write_text("taxsimid,year,state,mstat,page,sage,depx,dep17,pwages\n7,2023,5,1,40,0,0,0,50000\n")
    done = jaxsim("calc", source, "--format", "taxsim", "--year", 2023, "--out", out)
    assert done.exit_code == 0
    row = pd.read_parquet(out).iloc[0]
    assert row["taxsimid"] == 7
    # 2023: 50,000 - 13,850 = 36,150; 10% of 11,000, 12% above
    assert row["fiitax"] == pytest.approx(1_100 + 0.12 * (36_150 - 11_000))


def test_calc_with_a_reform(taxcalc_file, tmp_path):
    reform, out = tmp_path / "r.json", tmp_path / "out.csv.gz"
    reform.write_text('{"irs.credits.ctc.amount": 3000}')
    jaxsim("calc", taxcalc_file, "--format", "taxcalc", "-y", 2026, "-o", out, "--reform", reform)
    assert pd.read_csv(out).set_index("RECID").loc[2, "c07220"] == 3_000


def test_params():
    assert "irs.credits.ctc.amount" in jaxsim("params", "find", "child", "tax", "credit").output
    shown = jaxsim("params", "show", "irs.credits.ctc.amount").output
    assert "26 USC 24" in shown
    assert "2,200" in shown


def test_explain():
    done = jaxsim("explain", "ctc", "--adult", "age=35,employment_income=60000", "--child", "5", "--state", "CA")
    assert "ctc = 2,200.00" in done.output
    assert "26 USC 24" in done.output


def test_doctor():
    done = jaxsim("doctor")
    assert done.exit_code == 0, done.output
    assert "BAD" not in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "none.yaml"], "no such file"),
        (["demo", "--population", "cps_sampel"], "cps_sample"),
        (["demo", "--year", "1990"], "2022 to 2036"),
        (["params", "show", "irs.credits.ctc.amonut"], "irs.credits.ctc.amount"),
        (["params", "find", "zebra"], "no parameter"),
        (["explain", "ctcc", "--adult", "age=35"], "ctc"),
        (["explain", "ctc", "--adult", "age"], "NAME=VALUE"),
        (["explain", "ctc", "--household", "-5"], "no household"),
        (["explain", "ctc", "--child", "5"], "--adult"),
        (["explain", "ctc", "--adult", "age=35", "--depth", "-1"], "depth"),
        (["demo", "--out", "/proc/nowhere"], "cannot be written"),
        (["calc", "none.csv", "--format", "taxcalc", "--year", "2026", "--out", "x.csv"], "none.csv"),
        (["nothing"], "No such command"),
    ],
)
def test_mistakes_exit_with_2_and_say_what_to_do(arguments, message):
    done = process(*arguments)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_failed_write_keeps_the_old_file(taxcalc_file, tmp_path):
    out = tmp_path / "old.csv"
    out.write_text("old")
    taxcalc_file.write_text(ROWS.replace("50000,50000", "abc,50000"))
    assert process("calc", taxcalc_file, "--format", "taxcalc", "--year", "2026", "--out", out).returncode == 2
    assert out.read_text() == "old"
    wrong = process("calc", taxcalc_file, "--format", "taxcalc", "--year", "2026", "--out", tmp_path / "out.xls")
    assert wrong.returncode == 2
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


@pytest.mark.slow
def test_score_over_a_window(tmp_path):
    first, second = tmp_path / "credit.yaml", tmp_path / "rate.yaml"
    first.write_text("irs.credits.ctc.amount: {2026: 3000}\n")
    second.write_text("irs.income_tax.rates.rate.7: {2026: 0.396}\n")
    out = tmp_path / "out"
    result = jaxsim("score", first, second, "--years", 3, "--out", out)
    assert result.exit_code == 0, result.output
    assert "Fiscal years of payment, stacked in order" in result.output
    assert {p.name for p in out.iterdir()} == {"score.png", "score_alone.csv", "score_calendar.csv",
                                               "score_components.csv", "score_fiscal.csv"}  # fmt: skip
    table = pd.read_csv(out / "score_calendar.csv", index_col=0)
    assert list(table.index) == ["credit", "rate", "total"]
    assert list(table.columns) == ["2026", "2027", "2028", "total"]
    assert table.loc["credit", "2026"] < 0 < table.loc["rate", "2026"]


@pytest.mark.slow
def test_score_an_act_on_the_law_before():
    result = jaxsim("score", "--enact", "pl_119_21", "--baseline", "before_pl_119_21", "--years", 1)
    assert result.exit_code == 0, result.output
    assert "Change of revenue against law before P.L. 119-21" in result.output
    assert "Child tax credit" in result.output
    refused = jaxsim("score")
    assert refused.exit_code == 2
    assert "name a reform file" in refused.output


def test_baselines_are_listed():
    result = jaxsim("baselines")
    assert result.exit_code == 0
    assert "before_pl_119_21" in result.output
    assert "70104" in result.output


@pytest.fixture
def households(tmp_path):
    make_population(60).to_parquet(tmp_path / "households")
    return tmp_path / "households"


PLAN = """design: sobol
n: 40
parameters:
  irs.payroll.social_security.wage_base: [100000, 300000]
"""


def test_a_sweep_goes_on_and_is_merged(households, tmp_path):
    plan, out, merged = tmp_path / "plan.yaml", tmp_path / "run", tmp_path / "all.csv"
    plan.write_text(PLAN)
    command = ("sweep", plan, "--outcome", "payroll_tax", "--population", households, "--out", out)
    done = jaxsim(*command, "--shard", "0/2", "--check", 4)
    assert done.exit_code == 0, done.output
    assert "1 figures" in done.output
    assert "Largest relative difference of float32 from float64" in done.output
    with pytest.raises(JaxsimError, match="reforms are missing"):
        jaxsim("merge", out, "--out", merged)
    done = jaxsim(*command, "--workers", 1)
    assert "40 of 40 reforms" in done.output
    assert "of them before" in " ".join(done.output.split())
    done = jaxsim(*command)
    assert "40 of 40 reforms" in done.output
    assert "a second" not in done.output  # nothing was left to do
    assert jaxsim("merge", out, "--out", merged).output.strip() == f"40 reforms: {merged}"
    table = pd.read_csv(merged, index_col="reform")
    assert list(table.columns) == ["irs.payroll.social_security.wage_base", "payroll_tax"]
    assert list(table.index) == list(range(40))
    order = table.sort_values("irs.payroll.social_security.wage_base")["payroll_tax"]
    assert order.is_monotonic_increasing


def test_a_sweep_that_is_stopped_says_how_to_go_on(households, tmp_path, monkeypatch):
    def stopped(self, values):
        raise KeyboardInterrupt

    monkeypatch.setattr(Kernel, "figures", stopped)
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN)
    done = jaxsim("sweep", plan, "--outcome", "payroll_tax", "-p", households, "-o", tmp_path / "run", "--check", 0)
    assert done.exit_code == 130
    assert "run the same command to go on" in done.output


@pytest.mark.parametrize(
    ("plan", "outcome", "message"),
    [
        (PLAN, "payrol_tax", "Nearest: payroll_tax"),
        (PLAN.replace("wage_base", "wage_bsae"), "payroll_tax", "Nearest: irs.payroll.social_security.wage_base"),
        (PLAN.replace("sobol", "halton"), "payroll_tax", "unknown design 'halton'"),
    ],
    ids=["outcome", "parameter", "design"],
)
def test_mistakes_in_a_sweep_exit_with_2(households, tmp_path, plan, outcome, message):
    path = tmp_path / "plan.yaml"
    path.write_text(plan)
    done = process("sweep", path, "--outcome", outcome, "--population", households, "--out", tmp_path / "run")
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()
