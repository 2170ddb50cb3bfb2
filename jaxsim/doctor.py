"""Checks of an installation, for `jaxsim doctor`."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
from collections.abc import Callable, Iterator


def examine() -> Iterator[tuple[str, bool, str]]:
    """(name, fine, detail) of each check; one that raises is not fine."""
    for name, check in CHECKS.items():
        try:
            yield name, True, check()
        except Exception as error:
            yield name, False, f"{type(error).__name__}: {error}"


def _versions() -> str:
    names = ("jaxsim", "jax", "jaxlib", "numpy", "pandas", "pyarrow")
    return f"Python {platform.python_version()}, " + ", ".join(f"{n} {importlib.metadata.version(n)}" for n in names)


def _devices() -> str:
    import jax

    return f"{jax.default_backend()}: {', '.join(str(d) for d in jax.devices())}"


def _parameters() -> str:
    from jaxsim.parameter_files import parameters_root, read_law

    law = read_law(parameters_root())
    law.resolve()
    return f"{len(law.leaves)} parameters, all valid"


def _rules() -> str:
    from jaxsim.engine import law_check
    from jaxsim.parameter_files import load_law
    from jaxsim.rules.us import system

    law_check(system(), load_law())
    return f"{len(system().rules)} rules over {len(system().inputs)} inputs"


def _sample() -> str:
    from jaxsim.data import load_population

    return repr(load_population("cps_sample")).strip("<>")


def _computation() -> str:
    from jaxsim.household import household

    # 26 USC 1(j), 63(c): 60,000 - 16,100 taxed at 10 percent to 12,400 and 12 percent above (2026)
    tax = household([{"age": 40, "employment_income": 60_000}], year=2026).total("income_tax")
    if abs(tax - 5_020.0) > 0.005:
        raise ValueError(f"income tax of a single earner of $60,000 is {tax:.2f}, not 5,020.00")
    return "income tax of a single earner of $60,000 in 2026 is $5,020.00"


def _extras() -> str:
    modules = {"plots": "matplotlib", "validation": "taxcalc"}
    there = [f"{e} {'installed' if importlib.util.find_spec(m) else 'not installed'}" for e, m in modules.items()]
    return ", ".join(there)


CHECKS: dict[str, Callable[[], str]] = {
    "versions": _versions,
    "devices": _devices,
    "parameters": _parameters,
    "rules": _rules,
    "bundled sample": _sample,
    "computation": _computation,
    "extras": _extras,
}
