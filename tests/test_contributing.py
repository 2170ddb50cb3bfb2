"""CONTRIBUTING.md: its files, put into a copy of the package, work as it says."""

import json
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

CHECK = """
import json, sys
import jaxsim as js
case = json.load(sys.stdin)
home = js.household(**case["household"], year=case["year"])
found = {name: home.total(name) for name in case["expected"]}
print("RESULT " + json.dumps({"file": js.__file__, "found": found}))
"""


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
    shutil.copytree(parameters_root(), folder / "parameters" / "us")
    for path, code in FILES.items():
        assert not (folder / path).exists(), f"{path} exists: the example must be new"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(code, encoding="utf-8")
    return folder


def run(folder: Path, code: str, stdin: str = "") -> str:
    environment = {**os.environ, "PYTHONPATH": str(folder), "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=stdin,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
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


def test_the_case_holds(copy):
    for case in yaml.safe_load(file_in("tests/cases/")[1]):
        assert case["source"]
        line = next(li for li in run(copy, CHECK, json.dumps(case)).splitlines() if li.startswith("RESULT "))
        result = json.loads(line.removeprefix("RESULT "))
        assert Path(result["file"]).is_relative_to(copy)
        assert result["found"] == pytest.approx(case["expected"], abs=case["tolerance"])


def test_the_notebook_cell_explains_and_differentiates(copy):
    printed = run(copy, NOTEBOOK[0])
    assert "tax_unit_federal_unemployment_tax = 42.00" in printed
    assert "26 USC 3306(b)(1)" in printed
    assert "irs.payroll.unemployment.wage_base" in printed


def test_rules_of_the_example_use_numerics_only():
    text = file_in("jaxsim/rules/us/")[1]
    assert "from jaxsim.numerics import" in text
    assert not re.search(r"\b(jnp|np|numpy|floor|ceil|maximum|minimum|where)\b", text)
