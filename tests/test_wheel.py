"""The wheel: built here, installed apart from the checkout, it computes and has its data."""

import importlib.util
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DEPENDENCIES = ("click", "jax", "jaxlib", "jsonschema", "numpy", "pandas", "pyarrow", "rich", "yaml")

USE = """
import json, sys
sys.path[:0] = [sys.argv[1]]  # the installed wheel first
sys.path += sys.argv[2:]  # then the folders of the dependencies; their .pth files are not read (-S)
import jaxsim as js
home = js.household([dict(age=40, employment_income=60_000)], year=2026)
sample = js.load_population("cps_sample")
print("RESULT " + json.dumps({
    "file": js.__file__,
    "income_tax": home.total("income_tax"),
    "households": sample.count("household"),
    "amount": float(home.parameters.irs.credits.ctc.amount),
    "reference": js.load_law()["irs.credits.ctc.amount"].reference[0][0],
}))
"""


def pip(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "pip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"pip {arguments[0]} failed:\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    if importlib.util.find_spec("hatchling") is None:
        pytest.fail("the wheel cannot be built: hatchling is missing; pip install -e '.[test]' brings it")
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--wheel-dir", str(folder), str(ROOT))
    (built,) = folder.glob("jaxsim-*.whl")
    return built


def test_wheel_holds_law_data_and_licence(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        entry_points = next(archive.read(n).decode() for n in names if n.endswith("entry_points.txt"))
    for part in ("_parameters/us/irs/credits/ctc.yaml", "parameters.schema.json", "data/cps_sample/person.parquet",
                 "data/sample_weights_2022.parquet"):  # fmt: skip
        assert f"jaxsim/{part}" in names
    for file in (ROOT / "parameters").rglob("*.yaml"):
        assert f"jaxsim/_parameters/{file.relative_to(ROOT / 'parameters').as_posix()}" in names
    assert any(n.endswith("licenses/LICENSE") for n in names)
    assert "jaxsim = jaxsim.cli:main" in entry_points
    assert {n.split("/")[0] for n in names if not n.startswith("jaxsim-")} == {"jaxsim"}
    assert not [n for n in names if "__pycache__" in n]


def test_installed_wheel_computes_outside_the_checkout(wheel, tmp_path):
    target = tmp_path / "site"
    pip("install", "--no-deps", "--no-index", "--quiet", "--target", str(target), str(wheel))
    found = {name: importlib.util.find_spec(name) for name in DEPENDENCIES}
    missing = [name for name, spec in found.items() if spec is None]
    assert not missing, f"dependencies are not installed: {', '.join(missing)}"
    folders = {str(Path(s.origin).parents[1]): None for s in found.values() if s is not None and s.origin}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", USE, str(target), *folders],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.split("RESULT ")[1])
    assert Path(result.pop("file")).is_relative_to(target)
    # 26 USC 1(j), 63(c): 60,000 less 16,100; 10 percent to 12,400 and 12 percent above
    assert result.pop("income_tax") == pytest.approx(5_020.00, abs=0.005)
    assert result == {
        "households": 20_256,
        "amount": 2_200,
        "reference": "26 USC 24(h)(2) and 24(i), as amended by P.L. 119-21 sec. 70104",
    }
