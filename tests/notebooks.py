"""Runs the notebooks of examples as a user would."""

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from ipykernel.kernelspec import write_kernel_spec
from nbclient import NotebookClient

from tests.conftest import QUICK_PROGRAMS

EXAMPLES = Path(__file__).parents[1] / "examples"
KERNEL = "jaxsim-tests"


def run_notebook(name: str, ask: str, folder: Path) -> Any:
    """A notebook after a run in a kernel of this interpreter, whatever kernels the machine has.

    Args:
        name: of the notebook.
        ask: code of a further cell, which prints what a test wants to know.
        folder: for Jupyter's files.
    """
    write_kernel_spec(str(folder / "data" / "kernels" / KERNEL))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder / "data"))
        for variable in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
            patch.setenv(variable, str(folder / variable.lower()))
        patch.setenv("JAX_PLATFORMS", "cpu")
        for variable, value in QUICK_PROGRAMS.items():
            patch.setenv(variable, value)
        notebook = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)
        notebook.cells.append(nbformat.v4.new_code_cell(ask))
        resources = {"metadata": {"path": str(EXAMPLES)}}
        NotebookClient(notebook, timeout=300, kernel_name=KERNEL, resources=resources).execute()
    return notebook


def outputs(notebook: Any) -> list[Any]:
    return [out for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs]


def answer(notebook: Any) -> Any:
    """What the further cell printed after RESULT, as JSON."""
    text = "".join(out.get("text", "") for out in outputs(notebook))
    return json.loads(text.split("RESULT ")[1])


def pictures(notebook: Any) -> list[int]:
    """Pictures shown by each cell of code."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [sum("image/png" in out.get("data", {}) for out in cell.outputs) for cell in cells]
