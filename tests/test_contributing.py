"""CONTRIBUTING.md: its files, put into a copy of the package, pass the tests of rules and cases."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import jaxsim as js
from jaxsim.parameter_files import parameters_root, read_law

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, flags=re.M | re.S)
FILES = {m[1]: code for _, code in BLOCKS if (m := re.match(r"# (\S+\.(?:yaml|py))\n", code))}
NOTEBOOK = [code for language, code in BLOCKS if language == "python" and code not in FILES.values()]


def file_in(folder: str) -> tuple[str, str]:
    """Path and text of the one file of the example in this folder."""
    (found,) = ((path, code) for path, code in FILES.items() if path.startswith(folder))
    return found


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the package and its parameters with the files of the example."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(Path(js.__file__).parent, folder / "jaxsim", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(folder / "jaxsim" / "_parameters", ignore_errors=True)
    shutil.copytree(parameters_root().parent, folder / "parameters")
    shutil.copytree(ROOT / "tests" / "rules", folder / "tests" / "rules", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tests" / "cases", folder / "tests" / "cases")
    for path, code in FILES.items():
        assert not (folder / path).exists(), f"{path} exists: the example must be new"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(code, encoding="utf-8")
    return folder


def run(folder: Path, *arguments: str) -> str:
    """Standard output of Python run in the copy, which stands before the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_example_has_a_parameter_a_rule_a_case_and_a_notebook_cell():
    assert [file_in(p)[0].split("/")[0] for p in ("parameters/us/", "jaxsim/rules/us/", "tests/cases/")]
    assert len(FILES) == 3
    assert len(NOTEBOOK) == 1


def test_parameters_are_valid_and_new(tmp_path):
    path, text = file_in("parameters/us/")
    file = tmp_path / Path(path).relative_to("parameters/us")
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")
    draft = read_law(tmp_path)
    assert not set(draft.leaves) & set(js.load_law().leaves)
    law = js.load_law().with_leaves(draft.leaves.values(), name="draft")
    assert law.in_year(2026)["irs.payroll.unemployment.wage_base"] == 7_000


def test_the_copy_is_what_runs(copy):
    assert Path(run(copy, "-c", "import jaxsim; print(jaxsim.__file__)").strip()).is_relative_to(copy)


@pytest.mark.slow
def test_the_case_holds_and_the_style_is_right(copy):
    (case,) = yaml.safe_load(file_in("tests/cases/")[1])["cases"]
    printed = run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "unemployment or numerics", "tests/rules")
    assert "passed" in printed
    found = run(
        copy, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", "-k", "unemployment", "tests/rules"
    )
    assert f"unemployment_tax-{case['name']}" in found
    assert "test_rules_are_plain[irs/payroll/unemployment.py]" in found


@pytest.mark.slow
def test_a_wrong_case_is_found(copy):
    file = copy / file_in("tests/cases/")[0]
    right = file.read_text(encoding="utf-8")
    file.write_text(right.replace("unemployment_tax: 72}", "unemployment_tax: 73}"), encoding="utf-8")
    with pytest.raises(AssertionError, match="1 failed"):
        run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "unemployment_tax", "tests/rules/test_cases.py")
    file.write_text(right, encoding="utf-8")


def test_the_notebook_cell_explains_and_differentiates(copy):
    printed = run(copy, "-c", NOTEBOOK[0])
    assert "tax_unit_federal_unemployment_tax = 42.00" in printed
    assert "26 USC 3306(b)(1)" in printed
    assert "irs.payroll.unemployment.wage_base" in printed
