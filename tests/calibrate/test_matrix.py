"""The matrix of targets against plain loops over tax units, persons and households of a small made population."""

import math

import numpy as np
import pytest

import jaxsim as js
from jaxsim.calibrate import TargetStore, build_matrix, matrix, select
from jaxsim.calibrate.load import concepts
from jaxsim.errors import InputError
from tests.conftest import make_persons

YEAR = 2022
INCOME = "adjusted_gross_income"
CODES = {"CA": 6, "NY": 36, "TX": 48, "DC": 11}
COLUMNS = (
    "adjusted_gross_income", "age", "capital_gain_in_income", "eitc", "eitc_qualifying_children", "employment_income",
    "files_return", "filing_status", "head_is_aged", "income_tax", "itemized_deductions", "itemizes",
    "net_investment_income_tax", "self_employment_income", "snap", "spouse_is_aged", "standard_deduction",
)  # fmt: skip
BANDS = [(-math.inf, 1), (1, 25_000), (25_000, 75_000), (75_000, math.inf)]
AGES = [(-math.inf, 18), (18, 65), (65, math.inf)]

# what an agency prints, in the words of its definitions: concept to the amount on a return
ON_RETURNS = {
    "returns": lambda u: 1,
    "returns_of_aged": lambda u: u["head_is_aged"] + u["spouse_is_aged"],
    "adjusted_gross_income": lambda u: u["adjusted_gross_income"],
    "employment_income": lambda u: sum(p["employment_income"] for p in u["filers"]),
    "business_net_profit": lambda u: max(sum(p["self_employment_income"] for p in u["filers"]), 0),
    "business_net_loss": lambda u: max(-sum(p["self_employment_income"] for p in u["filers"]), 0),
    "business_net_income": lambda u: sum(p["self_employment_income"] for p in u["filers"]),
    "capital_gain_net_gain": lambda u: max(u["capital_gain_in_income"], 0),
    "capital_gain_net_loss": lambda u: max(-u["capital_gain_in_income"], 0),
    "standard_deduction": lambda u: 0 if u["itemizes"] else u["standard_deduction"],
    "itemized_deductions": lambda u: u["itemized_deductions"] if u["itemizes"] else 0,
    "income_tax_after_credits": lambda u: max(u["income_tax"] - u["net_investment_income_tax"], 0),
    "eitc": lambda u: u["eitc"],
}
STATUSES = {"single": (0,), "joint": (1, 4), "separate": (2,), "head_of_household": (3,)}


@pytest.fixture(scope="module")
def sim():
    persons = make_persons(60, 3)
    rng = np.random.default_rng(7)
    home, unit, role = persons["household_id"], persons["tax_unit_id"], persons["role"]
    persons["state_fips"] = np.array(list(CODES.values()))[home % 4]
    persons["snap"] = np.where(np.r_[True, home[1:] != home[:-1]], rng.choice([0, 0, 2_400, 5_000], len(home)), 0)
    dependants = role == 2
    persons["employment_income"] += dependants * (persons["age"] >= 15) * 3_000.0  # on returns of their own
    persons["employment_income"][-1] = 4_000.0  # nobody's spouse
    married, children = np.bincount(unit[role == 1], minlength=unit.max() + 1), np.bincount(unit[dependants])
    children = np.pad(children, (0, len(married) - len(children)))
    other = np.where(children, rng.choice([3, 4], len(married)), rng.choice([0, 0, 2], len(married)))
    persons["filing_status"] = np.where(married, 1, other)[unit]
    persons["deductible_interest_expense"] *= 1 + 4 * (unit % 5 == 0)  # some itemize
    return js.Simulation(js.Population.from_persons(persons, year=YEAR, source="made"), YEAR)


def bands(variable, ends):
    return [[(variable, o, v) for o, v in ((">=", a), ("<", b)) if math.isfinite(v)] for a, b in ends]


def add_source(store, id, counts):
    store.add_source(id, title=id, agency="A", href="https://example.org", period=YEAR, counts=counts)


@pytest.fixture(scope="module")
def store():
    made = TargetStore()
    for id, counts in (("returns", "returns"), ("people", "persons"), ("homes", "households")):
        add_source(made, id, counts)
    incomes, ages = bands(INCOME, BANDS), bands("age", AGES)
    states = [[("state", "=", s)] for s in (*CODES, "WY")]
    statuses = [[("filing_status", "=", s)] for s in STATUSES]
    children = [[("eitc_qualifying_children", "=" if k < 3 else ">=", k)] for k in range(4)]
    cells = {c: [[], *incomes, *states] for c in ON_RETURNS}
    cells["returns"] += [*statuses, *([*s, *i] for s in statuses for i in incomes)]
    cells["eitc"] += [*children, *([*c, *i] for c in children for i in incomes)]
    value = 1.0
    for concept, strata in cells.items():
        for statistic in ("count", "amount"):
            for constraints in strata:
                made.add("returns", concept, statistic, value, constraints=constraints)
                value += 1
    for constraints in ([], *ages, *states, *([*s, *a] for s in states for a in ages)):
        made.add("people", "population", "count", 5, constraints=constraints)
    for statistic in ("count", "amount"):
        for constraints in ([], *states):
            made.add("homes", "snap", statistic, 7, constraints=constraints)
    made.add("returns", "capital_gain_distributions", "amount", 3)
    made.add("homes", "snap_households", "count", 3, constraints=states[0])
    return made


def choose(store, *sources):
    return select({"period": YEAR, "targets": [{"source": s} for s in sources]}, store)


@pytest.fixture(scope="module")
def targets(store):
    return choose(store, "returns", "people", "homes")


@pytest.fixture(scope="module")
def problem(sim, targets):
    return build_matrix(sim, targets)


@pytest.fixture(scope="module")
def columns(sim):
    return sim.columns(*COLUMNS)


@pytest.fixture(scope="module")
def units(sim, columns):
    """Tax units, persons and households as records, from the tables and computed columns."""
    tables = sim.population.tables
    homes = {int(h): k for k, h in enumerate(tables["household"]["household_id"])}
    state = {
        k: next(s for s, c in CODES.items() if c == int(f)) for k, f in enumerate(tables["household"]["state_fips"])
    }
    returns = {}
    for k, (unit, home) in enumerate(
        zip(tables["tax_unit"]["tax_unit_id"], tables["tax_unit"]["household_id"], strict=True)
    ):
        at = homes[int(home)]
        returns[int(unit)] = {"home": at, "state": state[at], "filers": []} | {
            n: float(v[k]) for n, v in columns.items() if sim.system.variable(n).entity.name == "tax_unit"
        }
    persons = []
    for k, (unit, role) in enumerate(zip(tables["person"]["tax_unit_id"], tables["person"]["role"], strict=True)):
        person = {n: float(columns[n][k]) for n in ("age", "employment_income", "self_employment_income")}
        persons.append(person | {"home": returns[int(unit)]["home"], "state": returns[int(unit)]["state"]})
        if role != 2:
            returns[int(unit)]["filers"].append(person)
    households = [{"home": k, "state": state[k], "snap": float(v)} for k, v in enumerate(columns["snap"])]
    return list(returns.values()), persons, households


def meets(row, constraints):
    for variable, operation, value in constraints:
        if variable == "filing_status":
            if int(row[variable]) not in STATUSES[value]:
                return False
        elif variable == "state":
            if row[variable] != value:
                return False
        elif not {"=": row[variable] == float(value), ">=": row[variable] >= float(value),
                  "<": row[variable] < float(value)}[operation]:  # fmt: skip
            return False
    return True


def dense(targets, units, homes):
    returns, persons, households = units
    rows = []
    for source, concept, statistic, constraints in zip(
        targets.table.source, targets.table.concept, targets.table.statistic, targets.constraints, strict=True
    ):
        if "lacks" in concepts()[concept]:
            continue
        row = [0.0] * homes
        if source == "returns":
            members = [(u, ON_RETURNS[concept](u)) for u in returns if u["files_return"]]
        elif source == "people":
            members = [(p, 1) for p in persons]
        else:
            members = [(h, h["snap"]) for h in households]
        for member, amount in members:
            if amount and meets(member, constraints):
                row[member["home"]] += 1 if statistic == "count" else amount
        rows.append(row)
    return np.array(rows)


def test_the_matrix_equals_plain_loops_over_units(sim, targets, units, problem):
    expected = dense(targets, units, 60)
    np.testing.assert_allclose(problem.matrix.toarray(), expected, rtol=1e-12)
    assert problem.matrix.nnz == np.count_nonzero(expected)


def test_the_population_has_all_that_the_loops_are_to_tell_apart(units):
    returns, persons, households = units
    assert {int(u["filing_status"]) for u in returns} == {0, 1, 2, 3, 4}
    assert {u["files_return"] for u in returns} == {0.0, 1.0}
    assert {u["itemizes"] for u in returns} == {0.0, 1.0}
    assert {u["state"] for u in returns} == set(CODES)
    assert max(u["eitc_qualifying_children"] for u in returns if u["eitc"]) >= 3
    assert {u["eitc_qualifying_children"] for u in returns if u["eitc"]} >= {0, 1, 2}
    losses = [sum(p["self_employment_income"] for p in u["filers"]) for u in returns]
    assert min(losses) < 0 < max(losses)
    assert min(u["capital_gain_in_income"] for u in returns) < 0 < max(u["capital_gain_in_income"] for u in returns)
    assert len(returns) > len(households) == 60  # two units in some
    assert any(h["snap"] for h in households)
    assert min(u["income_tax"] - u["net_investment_income_tax"] for u in returns if u["files_return"]) < 0
    filers = sum(len(u["filers"]) for u in returns)
    assert sum(p["employment_income"] > 0 for p in persons) > sum(
        p["employment_income"] > 0 for u in returns for p in u["filers"]
    )
    assert filers < len(persons)


def row(problem, name):
    return problem.matrix[[problem.names.index(name)]].toarray()[0]


def test_household_amounts_stand_once_whatever_the_units(sim, problem):
    snap = sim.population.tables["household"]["snap"]
    two = np.bincount(sim.population.links["household_of_tax_unit"]) > 1
    assert (snap[two] > 0).any()
    np.testing.assert_array_equal(row(problem, "homes: snap amount, all"), snap)
    np.testing.assert_array_equal(row(problem, "homes: snap count, all"), snap > 0)


def test_only_those_who_file_are_returns_but_everybody_is_a_person(sim, columns, problem):
    files = columns["files_return"]
    links = sim.population.links
    counted = np.bincount(links["household_of_tax_unit"], files, minlength=60)
    assert counted.sum() < len(files)
    np.testing.assert_array_equal(row(problem, "returns: returns count, all"), counted)
    persons = np.bincount(links["household_of_person"], minlength=60)
    np.testing.assert_array_equal(row(problem, "people: population count, all"), persons)


def test_surviving_spouses_are_with_joint_returns(sim, columns, problem):
    joint = np.isin(columns["filing_status"], (1, 4)) & (columns["files_return"] > 0)
    assert (columns["filing_status"][joint] == 4).any()
    counted = np.bincount(sim.population.links["household_of_tax_unit"], joint, minlength=60)
    np.testing.assert_array_equal(row(problem, "returns: returns count, joint"), counted)
    parts = sum(row(problem, f"returns: returns count, {s}") for s in STATUSES)
    np.testing.assert_array_equal(parts, row(problem, "returns: returns count, all"))


def test_bands_and_children_add_up_to_all(problem):
    names = [f"returns: eitc amount, eitc_qualifying_children {k}" for k in ("0", "1", "2", "3 or more")]
    np.testing.assert_allclose(sum(row(problem, n) for n in names), row(problem, "returns: eitc amount, all"))
    words = ("below 1", "of 1 to 25,000", "of 25,000 to 75,000", "of 75,000 or more")
    for concept in ON_RETURNS:
        for statistic in ("count", "amount"):
            whole = row(problem, f"returns: {concept} {statistic}, all")
            parts = sum(row(problem, f"returns: {concept} {statistic}, income {w}") for w in words)
            np.testing.assert_allclose(parts, whole, rtol=1e-12)


def test_nobody_is_in_a_state_without_households(problem):
    assert problem.carriers[problem.names.index("people: population count, WY")] == 0


def test_what_goes_with_the_matrix(sim, targets, problem):
    kept = targets.table[~targets.table.concept.isin(["capital_gain_distributions", "snap_households"])]
    np.testing.assert_array_equal(problem.values, kept.value)
    np.testing.assert_array_equal(problem.base, sim.population.weights)
    assert problem.families == tuple(kept.family)
    assert problem.provenance == {"population": "made", "year": YEAR, "law": sim.law.name}
    assert problem.left_out == {
        "returns: capital_gain_distributions amount, all": concepts()["capital_gain_distributions"]["lacks"],
        "homes: snap_households count, CA": concepts()["snap_households"]["lacks"],
    }


@pytest.mark.parametrize("chunk", [1, 7, 10_000])
def test_the_size_of_chunks_does_not_matter(sim, targets, problem, monkeypatch, chunk):
    monkeypatch.setattr(matrix, "CHUNK", chunk)
    assert build_matrix(sim, targets).digest() == problem.digest()


def test_the_order_of_targets_is_that_of_rows(sim, targets, problem):
    at = np.random.default_rng(0).permutation(len(targets))
    mixed = build_matrix(sim, targets.keep(at))
    assert mixed.names == tuple(n for n in (targets.names[k] for k in at) if n in problem.names)
    order = [problem.names.index(n) for n in mixed.names]
    assert (mixed.matrix != problem.matrix[order]).nnz == 0


# --- what is refused


def test_a_simulation_of_another_year_is_refused(targets):
    other = js.Simulation(js.Population.from_persons(make_persons(3), year=2023), 2023)
    with pytest.raises(InputError, match=r"targets are of 2022, the simulation of 2023: use Simulation.*year=2022"):
        build_matrix(other, targets)


@pytest.mark.parametrize(
    ("counts", "concept", "constraints", "message"),
    [
        ("returns", "wages", [], r"concept 'wages' is not in concepts.yaml"),
        ("returns", "return", [], r"concept 'return' is not in concepts.yaml.*returns"),
        ("firms", "population", [], "a source that counts 'firms': use one of returns, persons, households"),
        ("returns", "returns", [("filing_state", "=", "joint")], r"variable 'filing_state', which the system lacks"),
        ("persons", "population", [("state", "=", "PR")], "state 'PR' is not a two-letter code"),
        ("persons", "population", [("filing_status", "=", "married")], "filing status 'married': use one of single"),
        ("persons", "population", [("age", "=", "old")], "constraint age = 'old': not a number"),
        ("persons", "snap", [], r"snap is of each household, and what each person has .*counts households"),
        ("returns", "snap", [], r"snap is of each household, and what each tax_unit has"),
        ("persons", "social_security", [], r"social_security is of each tax_unit.*counts returns or households"),
        ("returns", "capital_gain_distributions", [], r"none of the targets can be computed \(capital_gain_dist"),
    ],
)
def test_what_cannot_be_built_is_said(sim, monkeypatch, counts, concept, constraints, message):
    # the columns themselves are not looked at here: zeros spare a compile for every set of names
    count = sim.population.count
    zeros = {n: np.zeros(count(sim.system.variable(n).entity.name)) for n in (*COLUMNS, "social_security")}
    monkeypatch.setattr(sim, "columns", lambda *names: {n: zeros[n] for n in names})
    store = TargetStore()
    add_source(store, "x", counts)
    store.add("x", concept, "amount", 1, constraints=constraints)
    with pytest.raises(InputError, match=message):
        build_matrix(sim, choose(store, "x"))
