"""How rules are written: guarded functions instead of raw comparisons, labels, citations, every parameter used."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import jaxsim.numerics
import jaxsim.rules.us as us
from jaxsim.dynamic.oasdi.law import EARLY_PRICES, EARLY_WAGES, PRICES
from jaxsim.engine import law_check
from jaxsim.parameter_files import load_law, parameters_root, read_law
from jaxsim.rules.us import system

ROOT = Path(us.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

NUMERICS = {
    name
    for name, value in vars(jaxsim.numerics).items()
    if inspect.isfunction(value) and value.__module__ == "jaxsim.numerics" and not name.startswith("_")
} | {"continuous_relu", "continuous_lower"}

ALLOWED_UNREAD = {
    "hhs.indexing.cpi_u": "an index: it moves other parameters",
    "irs.indexing.chained_cpi": "an index: it moves other parameters",
    "irs.indexing.chained_cpi_revised": "an index: it moves other parameters",
    "irs.indexing.chained_cpi_to_march": "an index: it moves other parameters",
    "irs.indexing.cpi_third_quarter": "an index: it moves other parameters",
    "ssa.indexing.average_wage_before_1951": "an index: Social Security reads it by year",
    "ssa.indexing.consumer_price_index_before_1970": "an index: it states payroll taxes of lifetimes in later prices",
    "ssa.indexing.consumer_price_index": "an index: it moves forecast increases of Social Security",
    "ssa.indexing.national_average_wage_index": "an index: it moves other parameters",
}
"""Leaves of parameters/us that no rule reads, and why they are there."""

ALLOWED_UNCITED = {
    "combined_tax": "a sum of taxes for budgets, which no statute names",
    "household_side_tax": "a sum of taxes for marginal rates, which no statute names",
}
"""Rules under irs/ without a section of law, and why."""


def rules_in(file: Path) -> Iterator[ast.FunctionDef]:
    """Functions decorated with @rule."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and any(_is_rule(d) for d in node.decorator_list):
            yield node


def _is_rule(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name) and decorator.func.id == "rule"


def constants_of(file: Path) -> set[str]:
    """Upper-case names that a module assigns a constant to, or imports from the inputs or entities of the system."""
    found = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, (ast.Constant, ast.Tuple, ast.UnaryOp)):
            found |= {t.id for t in node.targets if isinstance(t, ast.Name) and t.id.isupper()}
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("jaxsim.rules.us"):
            found |= {a.asname or a.name for a in node.names if a.name.isupper()}
    return found


def imported_numerics(file: Path) -> set[str]:
    names = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module == "jaxsim.numerics":
            names |= {a.name for a in node.names if a.asname is None}
    return names


FORBIDDEN = (
    ast.If, ast.IfExp, ast.For, ast.While, ast.Try, ast.With, ast.Lambda, ast.BoolOp, ast.Global, ast.Nonlocal,
    ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.FloorDiv, ast.Mod, ast.Import, ast.ImportFrom,
)  # fmt: skip


def faults(rule: ast.FunctionDef, numerics: set[str], constants: set[str]) -> list[str]:
    """What in a rule's body is not of the plain style."""
    arguments = {a.arg for a in (*rule.args.posonlyargs, *rule.args.args, *rule.args.kwonlyargs)}
    local = {n.id for n in ast.walk(rule) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    fixed = constants - arguments - local
    found = []
    if rule.args.vararg or rule.args.kwarg or rule.args.defaults or rule.args.kw_defaults:
        found.append(f"line {rule.lineno}: arguments are names of variables, without defaults or stars")
    for node in (n for statement in rule.body for n in ast.walk(statement)):
        where = f"line {getattr(node, 'lineno', rule.lineno)}"
        if isinstance(node, FORBIDDEN):
            found.append(f"{where}: {type(node).__name__}: rules are expressions over arrays")
        elif isinstance(node, ast.Compare):
            operands = [node.left, *node.comparators]
            if not all(isinstance(o, ast.Constant) or (isinstance(o, ast.Name) and o.id in fixed) for o in operands):
                found.append(f"{where}: a raw comparison: use above, at_least, at_most, below or equals")
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.Invert)):
            found.append(f"{where}: a logical operator: use 1 - x")
        elif isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitAnd, ast.BitOr, ast.BitXor)):
            found.append(f"{where}: a logical operator: use products and either")
        elif isinstance(node, ast.Call):
            if not (isinstance(node.func, ast.Name) and node.func.id in numerics):
                found.append(f"{where}: calls {ast.unparse(node.func)}, which is not a function of jaxsim.numerics")
        elif isinstance(node, ast.Name) and node.id not in arguments | local | numerics | fixed:
            found.append(f"{where}: {node.id} is neither an argument, nor of jaxsim.numerics, nor a constant")
    return found


@pytest.mark.parametrize("file", FILES, ids=[str(f.relative_to(ROOT)) for f in FILES])
def test_rules_are_plain(file: Path) -> None:
    imported = imported_numerics(file)
    assert imported <= NUMERICS, f"{file.name} imports {imported - NUMERICS} from numerics"
    wrong = {r.name: f for r in rules_in(file) if (f := faults(r, imported, constants_of(file)))}
    assert not wrong, f"{file.relative_to(ROOT)}: {wrong}"


@pytest.mark.parametrize("file", FILES, ids=[str(f.relative_to(ROOT)) for f in FILES])
def test_rule_files_import_no_array_library(file: Path) -> None:
    """A module of rules holds rules; `units` and `inputs` prepare data and may use NumPy."""
    if not list(rules_in(file)):
        return
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [a.name for a in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            assert name.split(".")[0] in ("jaxsim", "__future__"), f"{file.name} imports {name}"
            assert not name.startswith("jaxsim.simulation"), f"{file.name} imports {name}: imports point one way"


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("return x > 0", "a raw comparison"),
        ("return relu(x) if LIMIT else 0", "IfExp"),
        ("if LIMIT:\n        return x\n    return 0", "If"),
        ("return jnp.maximum(x, 0)", "jnp.maximum"),
        ("return np.floor(x)", "np.floor"),
        ("return math.ceil(x)", "math.ceil"),
        ("return max(x, 0)", "calls max"),
        ("return abs(x)", "calls abs"),
        ("return round(x)", "calls round"),
        ("return x.clip(0)", "calls x.clip"),
        ("return x // 1000", "FloorDiv"),
        ("return x and y", "BoolOp"),
        ("return (1 - x) | y", "a logical operator"),
        ("return OTHER * x", "OTHER is neither"),
        ("return [a for a in x]", "ListComp"),
    ],
)
def test_the_check_finds(body: str, fault: str) -> None:
    rule = ast.parse(f"@rule(TaxUnit)\ndef f(x, y, p):\n    {body}\n").body[0]
    assert isinstance(rule, ast.FunctionDef)
    assert any(fault in f for f in faults(rule, {"relu"}, {"LIMIT"}))


@pytest.mark.parametrize(
    "body",
    [
        "return p.rate * relu(x - p.threshold[LIMIT])",
        "share = 1 - x\n    return share * relu(-y)",
        "return relu(x) * (LIMIT == 2)",  # constants alone
    ],
)
def test_the_check_passes(body: str) -> None:
    rule = ast.parse(f"@rule(TaxUnit)\ndef f(x, y, p):\n    {body}\n").body[0]
    assert isinstance(rule, ast.FunctionDef)
    assert faults(rule, {"relu"}, {"LIMIT"}) == []


def test_every_rule_is_labelled_and_cited() -> None:
    for rule in system().rules.values():
        assert rule.label.strip(), rule.name
        assert rule.label[0].isupper() or rule.label[0].isdigit(), f"{rule.name}: {rule.label}"
        if ".irs." in f"{rule.module}." and not rule.crossing:
            cited = bool(rule.reference) or rule.name in ALLOWED_UNCITED
            assert cited, f"{rule.name} in {rule.module} names no section of law"
        if not rule.crossing:
            assert inspect.getdoc(rule.function), rule.name


def test_every_function_of_the_law_is_a_rule() -> None:
    """Nothing computes beside the graph: a module with rules has no other functions."""
    for file in FILES:
        decorated = {r.name for r in rules_in(file)}
        tree = ast.parse(file.read_text(encoding="utf-8"))
        plain = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)} - decorated
        assert not (decorated and plain), f"{file.relative_to(ROOT)}: {plain} is no rule"


def test_rules_lie_where_their_parameters_lie() -> None:
    """The first parameter path that a rule reads starts with the branch of law its module stands in."""
    for rule in system().rules.values():
        branch = rule.module.removeprefix("jaxsim.rules.us.").split(".")[0]
        for path in rule.parameters.values():
            assert path.split(".")[0] == branch, f"{rule.name} in {rule.module} reads {path}"


def test_every_subtree_read_exists() -> None:
    law_check(system(), load_law("us"))


def test_every_parameter_is_read() -> None:
    law = load_law("us")
    parameters = law.in_year(2026)
    read = set().union(*(system().leaves_read(name, parameters) for name in system().rules))
    assert read <= set(law.leaves)
    of_lifetimes = {path for path in law.leaves if path.startswith("ssa.oasdi.")}  # see tests/dynamic/test_law.py
    unread = set(law.leaves) - read - of_lifetimes
    assert unread - set(ALLOWED_UNREAD) == set(), "give the reason in ALLOWED_UNREAD, or remove the parameter"
    assert set(ALLOWED_UNREAD) <= unread, "now read: take it off the list"
    indices = {path for path, leaf in law.leaves.items() if leaf.unit == "index"}
    assert indices <= set(ALLOWED_UNREAD)


def test_every_index_moves_a_parameter() -> None:
    law = load_law("us")
    used = {u for leaf in law.leaves.values() if leaf.uprating for u in (leaf.uprating.index, leaf.uprating.base_index)}
    used |= {EARLY_WAGES, EARLY_PRICES, PRICES}  # read by `oasdi_law`
    assert used == {path for path, leaf in law.leaves.items() if leaf.unit == "index"}


def test_parameter_files_are_valid() -> None:
    """Read with the schema, which the installed package skips for speed."""
    assert set(read_law(parameters_root("us"), validate=True).leaves) == set(load_law("us").leaves)
