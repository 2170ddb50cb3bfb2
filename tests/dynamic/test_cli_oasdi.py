"""`jaxsim oasdi`: what it reads, writes and prints, exit codes, no traceback for a user's mistake."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click.testing
import pandas as pd
import pytest

from jaxsim.cli import cli
from jaxsim.errors import JaxsimError

pytestmark = pytest.mark.usefixtures("quick_programs")

WORKERS = """id,sex,birth_date,benefit_type,entitlement,as_of,onset_date,death_date
7,female,1960-05-10,old_age,2024-05,2026-01,,
8,male,1955-07-01,survivor,,2026-01,,2021-08-15
9,male,1957-07-01,old_age,2024-05,2026-01,,
"""
EARNINGS = "id,year,earnings\n" + "".join(f"{i},{y},40000\n" for i in (7, 8) for y in range(1985, 2020))
FAMILY = """id,member,relation,birth_date,entitlement
8,1,widow,1960-05-10,2023-08
7,1,child,2012-05-10,2024-05
"""
ASSUMPTIONS = "year,awi,cola_pct\n2024,,\n2025,73000,10\n"


def jaxsim(*arguments: Any) -> click.testing.Result:
    """Run in process."""
    return click.testing.CliRunner().invoke(cli, ["--no-cache", *map(str, arguments)], catch_exceptions=False)


def process(*arguments: Any) -> subprocess.CompletedProcess[str]:
    """Run as a user does, to see exit codes and standard error."""
    code = "import sys; from jaxsim.cli import main; sys.argv[0] = 'jaxsim'; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache", *map(str, arguments)],
        capture_output=True, text=True, check=False, env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )  # fmt: skip


@pytest.fixture
def given(tmp_path: Path) -> list[Any]:
    """Files, as options of the command."""
    contents = {"workers": WORKERS, "earnings": EARNINGS, "family": FAMILY}
    options: list[Any] = []
    for name, text in contents.items():
        (tmp_path / f"{name}.csv").write_text(text)
        options += [f"--{name}", tmp_path / f"{name}.csv"]
    return ["oasdi", *options, "--out-family", tmp_path / "out" / "members.csv"]


def test_amounts_of_workers_and_families(given: list[Any], tmp_path: Path) -> None:
    out = tmp_path / "out" / "workers.csv"
    done = jaxsim(*given, "--out", out)
    assert done.exit_code == 0
    assert re.search(r"3 workers, 2 insured, 1 paid \$[\d,]+ a month; 2 members of families, 2 paid \$", done.output)
    assert str(out) in done.output
    table = pd.read_csv(out)
    assert list(table) == ["id", "aime", "pia", "family_maximum", "months", "factor", "benefit", "insured"]
    assert table["id"].tolist() == [7, 8, 9]
    assert table["insured"].tolist() == ["fully", "fully", "not insured"]
    assert table["months"].tolist() == [-36, 0, 0]  # no credits before one is insured
    assert table["factor"][0] == 0.8
    assert table["benefit"].tolist() == [int(0.8 * table["pia"][0]), 0, 0]
    family = pd.read_csv(out.with_name("members.csv"))
    assert list(family) == ["id", "member", "full", "after_maximum", "reduced", "benefit"]
    assert family["full"].tolist() == [table["pia"][1], pytest.approx(table["pia"][0] / 2, abs=0.1)]
    assert sorted(p.name for p in out.parent.iterdir()) == ["members.csv", "workers.csv"]  # and nothing temporary


def test_parquet_reforms_and_assumptions(given: list[Any], tmp_path: Path) -> None:
    plain, changed = tmp_path / "plain.parquet", tmp_path / "changed.csv.gz"
    workers = tmp_path / "workers.parquet"
    pd.read_csv(tmp_path / "workers.csv").to_parquet(workers)
    given[given.index("--workers") + 1] = workers
    assert jaxsim(*given, "--out", plain).exit_code == 0
    (tmp_path / "reform.yaml").write_text("ssa.oasdi.reduction.worker.first_rate: {2022: 0.005}\n")
    (tmp_path / "assumptions.csv").write_text(ASSUMPTIONS)
    options = ["--reform", tmp_path / "reform.yaml", "--assumptions", tmp_path / "assumptions.csv"]
    assert jaxsim(*given, "--out", changed, *options).exit_code == 0
    before, after = pd.read_parquet(plain), pd.read_csv(changed)
    assert after["factor"][0] == pytest.approx(1 - 36 * 0.005)
    assert after["pia"][0] == pytest.approx(before["pia"][0] * 1.1 / 1.028, abs=0.2)


def test_notes_are_told(given: list[Any], tmp_path: Path) -> None:
    (tmp_path / "workers.csv").write_text(WORKERS + "10,male,1920-01-15,old_age,1985-01,2026-01,,\n")
    done = jaxsim(*given, "--out", tmp_path / "out.csv")
    assert "Note: 1 workers first eligible from 1979 to 1983" in done.output


def test_options_go_together(given: list[Any], tmp_path: Path) -> None:
    done = jaxsim(*given[:-2], "--out", tmp_path / "out.csv")
    assert done.exit_code == 2
    assert "--family and --out-family go together" in done.output
    done = jaxsim(*given, "--out", given[-1])
    assert done.exit_code == 2
    assert "are the same file" in done.output
    assert jaxsim(*given).exit_code == 2


def broken(given: list[Any], *options: Any) -> str:
    with pytest.raises(JaxsimError) as error:
        jaxsim(*given, *options)
    return str(error.value)


def test_what_cannot_be_written_is_refused_before_work(given: list[Any], tmp_path: Path) -> None:
    given[given.index("--workers") + 1] = tmp_path / "none.csv"  # read later
    assert "name a .csv, .csv.gz or .parquet file" in broken(given, "--out", tmp_path / "out.xlsx")
    (tmp_path / "folder.csv").mkdir()
    assert "is a folder" in broken(given, "--out", tmp_path / "folder.csv")
    assert "cannot be written" in broken(given, "--out", tmp_path / "earnings.csv" / "out.csv")
    assert "there is no such file" in broken(given, "--out", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ssa.oasdi.pia.factor.first: 0.95\n", "unknown parameter 'ssa.oasdi.pia.factor.first'"),
        ("ssa.oasdi.pia.factors.first: 95\n", "outside the valid range 0 to 1"),
        ("ssa.oasdi.pia: {\n", "not valid YAML"),
        ("", "expected a mapping"),
    ],
)
def test_bad_reform_is_refused(text: str, message: str, given: list[Any], tmp_path: Path) -> None:
    (tmp_path / "reform.yaml").write_text(text)
    assert message in broken(given, "--out", tmp_path / "out.csv", "--reform", tmp_path / "reform.yaml")


def test_a_mistake_has_no_traceback_and_leaves_old_files(given: list[Any], tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("old")
    (tmp_path / "workers.csv").write_text(WORKERS.replace("2024-05", "2021-05"))
    done = process(*given, "--out", out)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    problem = "workers.csv: column 'entitlement': 2021-05 is too early: the first possible month is 2022-06"
    assert problem in done.stderr
    assert out.read_text() == "old"


LIVES = "id,sex,birth_date,entitlement\n7,female,1963-05-10,\n8,male,1963-07-01,2030-07\n"


@pytest.mark.slow
def test_lifetimes(tmp_path: Path) -> None:
    (tmp_path / "lives.csv").write_text(LIVES)
    (tmp_path / "earnings.csv").write_text(EARNINGS)
    (tmp_path / "mortality.csv").write_text("age,qx\n" + "".join(f"{age},{float(age >= 90)}\n" for age in range(91)))
    out, by_age, plot = (tmp_path / "out" / name for name in ("worth.csv", "by_age.parquet", "worth.svg"))
    given = ["lifetime", "--workers", tmp_path / "lives.csv", "--earnings", tmp_path / "earnings.csv", "--out", out]
    done = jaxsim(*given, "--out-by-age", by_age, "--plot", plot, "--mortality", tmp_path / "mortality.csv",
                  "--discount", 0, "--alive-at", 65)  # fmt: skip
    assert done.exit_code == 0
    assert re.search(r"2 workers, benefits worth \$[\d,]+ on average, [\d.]+ times the contributions", done.output)
    table = pd.read_csv(out)
    assert table["claim"].tolist() == ["2033-05", "2030-07"]  # all live to 90, without interest: the first waits to 70
    assert table["best"].tolist() == ["2033-05", "2033-06"]  # an age is attained on the day before the birthday
    values = pd.read_parquet(by_age)
    assert values.columns[0] == "id"
    assert values.shape == (2, 98)
    assert values["840"][0] == pytest.approx(table["benefits"][0])
    assert plot.read_text().startswith("<?xml")


def test_mistakes_with_lifetimes(tmp_path: Path) -> None:
    (tmp_path / "lives.csv").write_text(LIVES)
    (tmp_path / "earnings.csv").write_text(EARNINGS)
    given = ["lifetime", "--workers", tmp_path / "lives.csv", "--earnings", tmp_path / "earnings.csv"]
    out = tmp_path / "worth.csv"
    assert jaxsim(*given, "--out", out, "--out-by-age", out).exit_code == 2
    assert "name a .png, .pdf, .svg file" in broken(given, "--out", out, "--plot", tmp_path / "worth.xls")
    assert "write 0.02 for 2%" in broken(given, "--out", out, "--discount", 2)
    assert "discount" in broken(given, "--out", out, "--discount", "nan")
    (tmp_path / "lives.csv").write_text(LIVES.replace("2030-07", "2020-07"))
    assert "2020-07 is before 2025-07" in broken(given, "--out", out)
    assert not out.exists()
