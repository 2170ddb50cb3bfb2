"""Write a page for each provision of the law: rules, parameters, citations and the cases that check them.

python docs/generate.py            # writes docs/provisions and the navigation in mkdocs.yml
python docs/generate.py --check    # exits with 1 if the pages are not those of the present law
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from jaxsim.engine import Rule, System
from jaxsim.parameter_files import load_law
from jaxsim.parameters import Law, Leaf
from jaxsim.rules.us import system

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "docs" / "provisions"
PACKAGE = "jaxsim.rules.us."
SHOWN = (2022, 2023, 2024, 2025, 2026, 2030)
LONGEST = 12  # cells of an array parameter shown one by one


def pages() -> dict[Path, str]:
    """Text of every page, by its path within docs/provisions."""
    us, law = system(), load_law()
    by_module: dict[str, list[Rule]] = defaultdict(list)
    for rule in us.rules.values():
        by_module[rule.module].append(rule)
    readers: dict[str, list[str]] = defaultdict(list)
    for rule in us.rules.values():
        for argument in rule.arguments:
            readers[argument].append(rule.name)
    home = {rule.name: page_of(rule.module) for rule in us.rules.values()}
    checks = cases_by_variable()
    made = {page_of(module): page(module, rules, us, law, home, readers, checks) for module, rules in by_module.items()}
    made[Path("index.md")] = index(by_module, us, law, checks)
    return made


def page_of(module: str) -> Path:
    return Path(*module.removeprefix(PACKAGE).split(".")).with_suffix(".md")


def title_of(module: str) -> str:
    return (sys.modules[module].__doc__ or module).strip().splitlines()[0].rstrip(".")


def page(
    module: str,
    rules: list[Rule],
    us: System,
    law: Law,
    home: dict[str, Path],
    readers: dict[str, list[str]],
    checks: dict[str, list[dict[str, Any]]],
) -> str:
    here = page_of(module)
    parameters = law.in_year(SHOWN[-2])
    leaves = sorted({path for rule in rules for path in us.leaves_read(rule.name, parameters)})
    docstring = (sys.modules[module].__doc__ or "").strip().split("\n\n", 1)

    def link(name: str) -> str:
        if name not in home:
            return f"`{name}`"
        up = "../" * (len(here.parts) - 1)
        target = f"#{name}" if home[name] == here else f"{up}{home[name].as_posix()}#{name}"
        return f"[`{name}`]({target})"

    lines = [f"# {title_of(module)}", ""]
    if len(docstring) > 1:
        lines += [" ".join(docstring[1].split()), ""]
    source = module.replace(".", "/") + ".py"
    lines += [f"Rules in `{source}`.", "", "## Rules", ""]
    for rule in rules:
        lines += [f"### {rule.name}", "", f"{rule.label} ({rule.entity.name.replace('_', ' ')}, {rule.unit})", ""]
        if rule.reference:
            lines.append(f"- Law: {rule.reference}")
        if rule.arguments:
            lines.append(f"- From: {', '.join(link(a) for a in rule.arguments)}")
        read = sorted(us.leaves_read(rule.name, parameters))
        if read:
            lines.append(f"- Parameters: {', '.join(f'`{p}`' for p in read)}")
        if readers[rule.name]:
            lines.append(f"- Used by: {', '.join(link(r) for r in sorted(readers[rule.name]))}")
        lines.append("")
    if leaves:
        lines += ["## Parameters", ""]
        for path in leaves:
            lines += parameter(law, law[path])
    found = {(c["file"], str(c["name"])): c for rule in rules for c in checks.get(rule.name, [])}
    lines += ["## Checks", ""]
    if found:
        lines += [f"{len(found)} worked cases name a result of these rules:", ""]
        lines += [
            f"- {name}, {c['year']} (`{file}`): {c['source']}" for (file, name), c in sorted(found.items(), key=str)
        ]
    else:
        lines.append("No worked case names these variables; they are covered through what is computed from them.")
    return "\n".join([*lines, ""])


def parameter(law: Law, leaf: Leaf) -> list[str]:
    values = law.by_year(leaf)
    names = leaf.cell_names()
    lines = [f"### {leaf.label}", "", f"`{leaf.path}`, {leaf.unit}{', indexed' if leaf.uprating else ''}", ""]
    flat = values.reshape(len(values), -1)
    cells = list(range(flat.shape[1]))[:LONGEST]
    lines += ["| | " + " | ".join(str(y) for y in SHOWN) + " |", "|---|" + "---:|" * len(SHOWN)]
    for i in cells:
        label = names[i][len(leaf.path) + 1 :].replace("_", " ").lower() or "value"
        row = [amount(flat[y - 2022, i]) for y in SHOWN]
        lines.append(f"| {label} | " + " | ".join(row) + " |")
    if flat.shape[1] > LONGEST:
        lines.append(f"| … {flat.shape[1] - LONGEST} more cells |" + " |" * len(SHOWN))
    lines += ["", "Source: " + "; ".join(f"[{title}]({href})" for title, href in leaf.reference) + ".", ""]
    if leaf.note:
        lines += [leaf.note.strip(), ""]
    return lines


def amount(x: float) -> str:
    return "no limit" if x >= 1e9 else f"{x:,.4f}".rstrip("0").rstrip(".") if x != int(x) else f"{int(x):,}"


def cases_by_variable() -> dict[str, list[dict[str, Any]]]:
    folder = ROOT / "tests" / "cases"
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for file in sorted(folder.rglob("*.yaml")):
        for case in yaml.safe_load(file.read_text(encoding="utf-8"))["cases"]:
            for variable in case["expect"]:
                found[variable].append({**case, "file": file.relative_to(folder).with_suffix("").as_posix()})
    return found


def index(by_module: dict[str, list[Rule]], us: System, law: Law, checks: dict[str, list[dict[str, Any]]]) -> str:
    parameters = law.in_year(SHOWN[-2])
    lines = ["# Provisions", "", "| provision | rules | parameters | worked cases |", "|---|---:|---:|---:|"]
    for module in sorted(by_module):
        rules = by_module[module]
        leaves = {path for rule in rules for path in us.leaves_read(rule.name, parameters)}
        cells = sum(int(np.prod(law[path].shape)) for path in leaves)
        cases = {(c["file"], c["name"]) for rule in rules for c in checks.get(rule.name, [])}
        lines.append(
            f"| [{title_of(module)}]({page_of(module).as_posix()}) | {len(rules)} | {len(leaves)} ({cells} cells) "
            f"| {len(cases)} |"
        )
    return "\n".join([*lines, ""])


def main() -> int:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--check", action="store_true", help="Only say whether the pages are up to date.")
    made = {PAGES / path: text for path, text in pages().items()}
    on_disk = {path: path.read_text(encoding="utf-8") for path in PAGES.rglob("*.md")}
    stale = [p for p in sorted({*made, *on_disk}) if made.get(p) != on_disk.get(p)]
    if options.parse_args().check:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not that of the present law: run python docs/generate.py")
        return int(bool(stale))
    for path in stale:
        if path in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made[path], encoding="utf-8")
        else:
            path.unlink()
    print(f"{len(made)} pages, {len(stale)} changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
