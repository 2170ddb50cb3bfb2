"""Rules, their graph, crossings and errors."""

import jax
import numpy as np
import pytest

import jaxsim as js
from jaxsim.engine import System, law_check, same_law
from jaxsim.errors import RuleError
from jaxsim.rules.us import system as us
from jaxsim.rules.us.entities import Household, Person, TaxUnit


def test_the_us_system_is_sound():
    law_check(us(), js.load_law())
    assert len(us().rules) > 100


def test_a_rule_is_called_like_its_function():
    from jaxsim.rules.us.irs.credits.ctc import ctc_for_children

    p = js.load_law().in_year(2026)["irs.credits.ctc"]
    assert ctc_for_children(2.0, p) == 4400
    assert "credit" in ctc_for_children.label.lower()


def test_only_ancestors_are_evaluated():
    order = us().order(["ctc_for_children"])
    assert order == ["ctc_qualifying_children", "ctc_for_children"]


def test_a_rule_may_be_added_and_replaced(sim):
    @js.rule(TaxUnit, parameters="irs.credits.ctc", reference="an idea")
    def ctc_for_children(ctc_qualifying_children, p):
        """Twice the credit."""
        return 2 * p.amount * ctc_qualifying_children

    @js.rule(TaxUnit)
    def bonus(ctc_for_children, eitc):
        """A new variable on top."""
        return ctc_for_children + eitc

    changed = sim.with_rules(ctc_for_children, bonus)
    assert changed.total("ctc_for_children") == pytest.approx(2 * sim.total("ctc_for_children"))
    assert changed.total("bonus") == pytest.approx(changed.total("ctc_for_children") + sim.total("eitc"))
    assert "bonus" not in sim.system.rules


def made(*rules):
    return us().with_rules(*rules)


def test_unknown_argument_names_the_nearest():
    @js.rule(TaxUnit)
    def odd(adjusted_gros_income):
        """Misspelt."""
        return adjusted_gros_income

    with pytest.raises(RuleError, match="adjusted_gross_income"):
        made(odd)


def test_entities_are_crossed_explicitly():
    @js.rule(TaxUnit)
    def odd(employment_income):
        """A person's variable."""
        return employment_income

    with pytest.raises(RuleError, match="sum_of_filers"):
        made(odd)


def test_circles_are_named():
    @js.rule(TaxUnit)
    def one(two):
        """First."""
        return two

    @js.rule(TaxUnit)
    def two(one):
        """Second."""
        return one

    with pytest.raises(RuleError, match=r"circle: (one <- two <- one|two <- one <- two)"):
        made(one, two)


def test_the_same_law_for_another_variable(sim):
    eitc_phase_in = us().rules["eitc_phase_in"]
    by_income = same_law(
        eitc_phase_in, "by_income", label="Phase-in by adjusted gross income", earned_income="adjusted_gross_income"
    )
    with_it = sim.with_rules(by_income)
    values = with_it.columns("by_income", "adjusted_gross_income", "eitc_qualifying_children")
    expected = eitc_phase_in(
        values["adjusted_gross_income"], values["eitc_qualifying_children"], sim.parameters["irs.credits.eitc"]
    )
    np.testing.assert_allclose(values["by_income"], expected)
    assert by_income.label == "Phase-in by adjusted gross income"
    assert by_income.module == __name__
    with pytest.raises(RuleError, match="does not read wages"):
        same_law(eitc_phase_in, "by_wages", label="Phase-in by wages", wages="tax_unit_wages")


def test_a_rule_needs_a_docstring_and_its_parameters():
    with pytest.raises(RuleError, match="docstring"):

        @js.rule(TaxUnit)
        def silent(eitc):
            return eitc

    with pytest.raises(RuleError, match="no such argument"):

        @js.rule(TaxUnit, parameters="irs.credits.ctc")
        def without_p(eitc):
            """No p."""
            return eitc


def test_names_are_unique():
    some = next(iter(us().rules.values()))
    with pytest.raises(RuleError, match="twice"):
        System("x", us().entities.values(), us().inputs.values(), [*us().rules.values(), some])


def test_law_check_names_the_missing_path():
    @js.rule(TaxUnit, parameters="irs.credits.ctb")
    def odd(eitc, p):
        """Wrong path."""
        return eitc

    with pytest.raises(RuleError, match=r"irs\.credits\.ctb"):
        law_check(made(odd), js.load_law())


def test_crossings_against_numpy(sim):
    pop = sim.population
    person, links = pop.tables["person"], pop.links
    filer = person["role"] < 2
    wages = np.bincount(
        links["tax_unit_of_person"],
        weights=np.where(filer, person["employment_income"], 0),
        minlength=pop.count("tax_unit"),
    )
    np.testing.assert_allclose(sim.columns("tax_unit_wages")["tax_unit_wages"], wages)

    everyone = js.sum_over_members("household_wages", of="employment_income", child=Person, to=Household, label="Wages")
    size = js.from_group("own_status", of="filing_status", parent=TaxUnit, to=Person, label="Status of the unit")
    made_sim = sim.with_rules(everyone, size)
    expected = np.bincount(links["household_of_person"], weights=person["employment_income"])
    np.testing.assert_allclose(made_sim.columns("household_wages")["household_wages"], expected)
    status = pop.tables["tax_unit"]["filing_status"][links["tax_unit_of_person"]]
    np.testing.assert_array_equal(made_sim.columns("own_status")["own_status"], status)
    units = sim.columns("household_units_after_tax_income", "after_tax_income")
    summed = np.bincount(links["household_of_tax_unit"], weights=units["after_tax_income"])
    np.testing.assert_allclose(units["household_units_after_tax_income"], summed)


def test_rules_note_what_they_read():
    tree = js.load_law().in_year(2026)
    assert us().leaves_read("ctc_for_children", tree) == {"irs.credits.ctc.amount"}
    assert us().leaves_read("ctc_phase_out", tree) == {
        f"irs.credits.ctc.phase_out.{leaf}" for leaf in ("threshold", "rate", "increment")
    }


def test_options_replace_rules_and_add_none():
    """Rules of an option are left out unless it is asked for."""
    plain, tables = us(), us(tables=True)
    assert set(plain.rules) == set(tables.rules)
    changed = {name for name in plain.rules if plain.rules[name] is not tables.rules[name]}
    assert changed == {name for name, r in tables.rules.items() if r.module.endswith(".tables")}
    assert {"tax_without_preference", "family_tax_on_ordinary_income", "eitc"} < changed
    law_check(tables, js.load_law())


@pytest.mark.slow
def test_a_population_held_as_a_constant_keeps_the_seams(sim):
    """The program of a caller who closes over the population, as notebooks do, computes each variable once too."""
    f = sim.function("income_tax")

    def closed(parameters):
        return f(parameters, f.population)

    with js.precision("float64"):
        divisions = [
            jax.jit(function).lower(*arguments).compile().as_text().count(" divide(")
            for function, arguments in ((f, (f.parameters, f.population)), (closed, (f.parameters,)))
        ]
    assert divisions[1] > divisions[0] / 2
