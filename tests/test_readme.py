"""README.md and the reform files of examples: what they show works."""

import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
import pytest

import jaxsim as js
from jaxsim.cli import cli
from tests.conftest import QUICK_PROGRAMS

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, flags=re.M | re.S)
PYTHON = [code for language, code in BLOCKS if language == "python"]
INLINE = re.findall(r"`(jaxsim [^`\n]+)`", TEXT) + re.findall(r"^(?:.*&& )?(jaxsim .+)$", TEXT, flags=re.M)
REFORMS = sorted((ROOT / "examples" / "reforms").iterdir())


def test_two_commands_do_all_set_up():
    commands = [code.strip() for language, code in BLOCKS if language in ("bash", "sh", "shell", "console")]
    assert commands == ["pip install -e . && jaxsim demo", "pip install -e '.[test]' && pytest"]


def example(fragment: str) -> str:
    """The one Python example that holds a fragment."""
    (found,) = [code for code in PYTHON if fragment in code]
    return found


def run(code: str, folder: Path) -> dict[str, Any]:
    """The names that code leaves behind."""
    path = folder / "example.py"
    path.write_text(code, encoding="utf-8")
    return runpy.run_path(str(path))


@pytest.mark.slow
def test_notebook_example_runs(tmp_path):
    matplotlib.use("agg")
    lines = [line for line in example(".explain(").splitlines() if line]
    assert len(lines) == 6
    names = run("\n".join([*lines[:-1], f"told = {lines[-1]}"]), tmp_path)
    assert names["told"].value == (2_200.0,)
    assert isinstance(names["sim"], js.Simulation)
    plt.close("all")


@pytest.mark.slow
def test_derivative_example_runs(capsys, tmp_path):
    run(example("jax.grad("), tmp_path)
    slope = float(capsys.readouterr().out)
    # a dollar for each child of a return with tax or earnings enough: some 48 million of 73 million children
    assert -70e6 < slope < -30e6


@pytest.mark.slow
def test_example_of_many_laws_runs(capsys, tmp_path):
    names = run(example("js.sweep("), tmp_path)
    after, before = re.findall(r"[\d.]+", capsys.readouterr().out)
    assert 0 < float(after) < float(before)
    assert len(names["runs"].table) == 256
    assert names["design"].feasible


@pytest.mark.slow
def test_calibration_example_runs(capsys, tmp_path):
    names = run(example("js.calibrate."), tmp_path)
    assert "within 10%" in capsys.readouterr().out
    assert names["calibrated"].total("employment_income") > 9e12


@pytest.mark.slow
def test_imputation_example_runs(capsys, tmp_path):
    names = run(example("js.impute.Forest"), tmp_path)
    assert "0.9" in capsys.readouterr().out
    assert (names["drawn"]["taxable_interest_income"] >= 0).all()


@pytest.mark.slow
def test_lifetime_example_runs(capsys, tmp_path):
    names = run(example("oasdi.lifetime("), tmp_path)
    assert "moneys_worth" in capsys.readouterr().out
    assert names["worth"].workers["best_age"][0] > 64


def test_only_these_python_examples():
    assert len(PYTHON) == 6


@pytest.mark.parametrize("line", sorted(set(INLINE)))
def test_commands_named_exist_with_their_options(line):
    command: click.Command = cli
    words = shlex.split(line)[1:]
    while words and isinstance(command, click.Group):
        name = words.pop(0)
        assert name in command.commands, f"README names `{line}`, but there is no command {name!r}"
        command = command.commands[name]
    context = command.make_context(command.name, words)  # parses, does not run
    assert context.command is command


def number(text: str) -> float | None:
    try:
        return float(text.replace(",", "").rstrip("%"))
    except ValueError:
        return None


def same_line(shown: str, printed: str) -> bool:
    """The same words, and numbers within 1 percent or the last digit shown: data are refined now and then."""
    ours, theirs = shown.split(), printed.split()
    if len(ours) != len(theirs):
        return False
    for a, b in zip(ours, theirs, strict=True):
        x, y = number(a), number(b)
        if x is None or y is None:
            if a != b:
                return False
        elif abs(x - y) > max(0.01 * abs(y), 10.0 ** -len(a.rstrip("%").partition(".")[2])):
            return False
    return True


def test_demo_prints_what_is_shown_and_writes_its_tables(tmp_path):
    (shown,) = re.findall(r"<!-- demo:.*?-->\n```text\n(.*?)^```$", TEXT, flags=re.M | re.S)
    code = "import sys; from jaxsim.cli import main; main()"
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", **QUICK_PROGRAMS}
    command = [sys.executable, "-c", code, "--no-cache", "demo", "--out", str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed = done.stdout.splitlines()
    stale = [line for line in shown.splitlines() if not any(same_line(line, other) for other in printed)]
    assert not stale, "README shows other numbers than `jaxsim demo` prints; paste anew:\n" + "\n".join(stale)
    assert {path.name for path in tmp_path.iterdir()} == {
        "budget.csv", "deciles.csv", "winners.csv", "measures.csv", "gradient.csv", "impact.png", "gradient.png",
    }  # fmt: skip
    assert len(pd.read_csv(tmp_path / "gradient.csv")) > 150


def test_links_within_the_repository_lead_somewhere():
    for target in re.findall(r"\]\(((?!https?:)[^)#]+)", TEXT):
        assert (ROOT / target).exists(), target


def test_nothing_of_the_makers_machine_is_mentioned():
    for text in (TEXT, (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")):
        assert not re.search(r"/home/|/work/|/tmp/|pypi\.org|localhost", text)


@pytest.mark.parametrize("path", REFORMS, ids=lambda p: p.name)
def test_reform_files_change_the_law(path):
    reform = js.Reform.from_file(path)
    before, after = js.load_law(), reform.apply(js.load_law())
    changed = [p for p, leaf in after.leaves.items() if leaf is not before.leaves[p]]
    assert changed
    assert all((after.in_year(2026)[p] != before.in_year(2026)[p]).any() for p in changed)
    assert all((after.in_year(2025)[p] == before.in_year(2025)[p]).all() for p in changed)


def test_reform_periods_and_indexing():
    credit, deduction = (
        js.Reform.from_file(ROOT / "examples" / "reforms" / f"{name}.yaml").apply(js.load_law())
        for name in ("indexed_child_credit", "standard_deduction_2026_2028")
    )
    amount = [float(credit.in_year(y).irs.credits.ctc.amount) for y in (2025, 2026, 2036)]
    assert amount[:2] == [2_200, 3_000]
    assert amount[2] > 3_000
    couple = [deduction.in_year(y).irs.deductions.standard.amount[1] for y in (2028, 2029)]
    assert couple[0] == 40_000
    assert couple[1] == js.load_law().in_year(2029).irs.deductions.standard.amount[1]
    assert deduction.in_year(2036).irs.income_tax.rates.rate[6] == 0.396
