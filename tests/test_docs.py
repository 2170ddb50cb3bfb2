"""The documentation of provisions: made from the present law, every rule on one page, every parameter cited."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from jaxsim.parameter_files import load_law
from jaxsim.rules.us import system

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(generate: ModuleType) -> dict[Path, str]:
    return generate.pages()


def test_pages_are_those_of_the_present_law(generate: ModuleType, pages: dict[Path, str]) -> None:
    on_disk = {p.relative_to(generate.PAGES): p.read_text(encoding="utf-8") for p in generate.PAGES.rglob("*.md")}
    stale = [str(p) for p in sorted({*pages, *on_disk}) if pages.get(p) != on_disk.get(p)]
    assert not stale, "run python docs/generate.py"


def test_every_rule_stands_on_one_page(pages: dict[Path, str]) -> None:
    for rule in system().rules.values():
        assert sum(f"\n### {rule.name}\n" in text for text in pages.values()) == 1, rule.name


def test_every_parameter_a_rule_reads_is_shown_with_its_source(pages: dict[Path, str]) -> None:
    law = load_law()
    tree = law.in_year(2026)
    whole = "\n".join(pages.values())
    for rule in system().rules.values():
        for path in system().leaves_read(rule.name, tree):
            assert f"`{path}`, " in whole, path
            assert law[path].reference[0][1] in whole, path


def test_links_lead_somewhere(pages: dict[Path, str]) -> None:
    import re

    for path, text in pages.items():
        for target in re.findall(r"\]\(([^)#\s]+\.md)", text):
            assert (ROOT / "docs/provisions" / path.parent / target).resolve().exists(), f"{path}: {target}"
