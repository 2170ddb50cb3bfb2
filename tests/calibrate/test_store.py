"""The store of targets: what goes in and comes out, its checks, the tables of facts, and how they are read."""

import csv
import itertools
import sqlite3

import numpy as np
import pytest
import yaml

import jaxsim as js
from jaxsim.calibrate import TargetStore
from jaxsim.calibrate.load import COLUMNS, FACTS, SELECTIONS, concepts, load_facts, read_selection
from jaxsim.calibrate.matrix import ROWS
from jaxsim.calibrate.store import label
from jaxsim.errors import InputError
from jaxsim.household import STATES
from jaxsim.rules.us import system

ABOUT = {"title": "Returns", "agency": "Revenue", "href": "https://example.org", "period": 2022, "counts": "returns"}
INCOME = "adjusted_gross_income"


def band(low, high, name=INCOME):
    ends = ((name, ">=", low), (name, "<", high))
    return [e for e in ends if e[2] is not None]


@pytest.fixture
def store():
    made = TargetStore()
    made.add_source("irs", **ABOUT)
    made.add_source("other", **ABOUT | {"title": "The same elsewhere"})
    return made


@pytest.fixture(scope="module")
def shipped():
    return TargetStore.shipped()


# --- adding and reading


def test_a_target_is_read_as_it_was_added(store):
    k = store.add("irs", "returns", "count", 12.5, constraints=[("state", "=", "CA"), *band(1, 5_000)], period=2021,
                  tolerance=0.02, active=False, cited="Table 1, cell B2")  # fmt: skip
    (row,) = store.targets().reset_index().to_dict("records")
    assert row == {
        "id": k, "source": "irs", "concept": "returns", "statistic": "count", "period": 2021, "geography": "CA",
        "value": 12.5, "tolerance": 0.02, "active": 0, "cited": "Table 1, cell B2", "counts": "returns",
        "stratum": row["stratum"], "parent": row["parent"], "label": "CA, income of 1 to 5,000",
    }  # fmt: skip
    assert store.constraints()[row["stratum"]] == [("state", "=", "CA"), (INCOME, ">=", "1"), (INCOME, "<", "5000")]
    store.add("irs", "returns", "count", 1)
    assert store.targets("label = 'all'")[["period", "geography"]].to_numpy().tolist() == [[2022, "US"]]
    assert store.sources().loc["irs", ["title", "agency", "href", "period", "counts", "notes"]].tolist() == [
        "Returns", "Revenue", "https://example.org", 2022, "returns", "[]"]  # fmt: skip


def test_the_parent_of_a_stratum_lacks_the_last_variable_with_both_its_ends(store):
    constraints = [("state", "=", "CA"), ("filing_status", "=", "joint"), *band(1, 5_000)]
    stratum, labels = store.stratum(constraints), []
    rows = {k: (parent, words) for k, parent, words in store.connection.execute("select id, parent, label from strata")}
    while stratum is not None:
        stratum, words = rows[stratum]
        labels.append(words)
    assert labels == ["CA, joint, income of 1 to 5,000", "CA, joint", "CA", "all"]
    assert len(rows) == 4


def test_the_same_constraints_are_one_stratum_in_any_order_and_way_of_writing(store):
    first = store.stratum([("state", "=", "CA"), *band(1, 5_000)])
    assert store.stratum([*band(np.float64(1.0), 5_000.0), ("state", "=", "CA")]) == first
    assert store.stratum([("state", "=", "CA"), *band("1", "5000")]) == first
    assert store.stratum([("state", "=", "CA"), *band(1.5, 5_000)]) != first


@pytest.mark.parametrize(
    ("constraints", "words"),
    [
        ([], "all"),
        (band(None, 1), "income below 1"),
        (band(1_000_000, None), "income of 1,000,000 or more"),
        (band(0.5, 2), "income of 0.5 to 2"),
        (band(85, None, "age"), "age 85 or more"),
        (band(0, 5, "age"), "age 0 to 5"),
        ([("eitc_qualifying_children", "=", 2)], "eitc_qualifying_children 2"),
        ([("filing_status", "=", "head_of_household"), ("state", "=", "NY")], "head_of_household, NY"),
    ],
)
def test_strata_in_words(constraints, words):
    assert label(constraints) == words


def test_a_saved_store_opens_as_it_was(store, tmp_path):
    store.add("irs", "returns", "count", 7, constraints=band(1, 5_000))
    path = tmp_path / "new" / "targets.db"
    assert store.save(path) == path
    store.add("irs", "returns", "count", 8)  # after saving: not in the file
    again = TargetStore(path)
    assert again.targets().value.tolist() == [7.0]
    assert list(again.connection.iterdump()) == [line for line in store.connection.iterdump() if "8.0" not in line]
    again.add("irs", "returns", "count", 9)
    assert len(TargetStore(path).targets()) == 1  # a copy: the file stays as it is
    store.save(path)
    assert len(TargetStore(path).targets()) == 2
    assert [p.name for p in path.parent.iterdir()] == ["targets.db"]


def test_a_failed_save_leaves_the_old_file(store, tmp_path, monkeypatch):
    path = store.save(tmp_path / "targets.db")
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jaxsim.calibrate.store.shutil.copyfile", full)
    store.add("irs", "returns", "count", 7)
    with pytest.raises(js.JaxsimError, match="No space left"):
        store.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["targets.db"]


def test_files_that_are_no_store_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.db: no such target store"):
        TargetStore(tmp_path / "nothing.db")
    text = tmp_path / "text.db"
    text.write_text("not a database " * 100)
    with pytest.raises(InputError, match=r"text\.db: not a target store"):
        TargetStore(text)
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("create table sources (id)")
    other.commit()
    other.close()
    with pytest.raises(InputError, match=r"not a target store.*strata"):
        TargetStore(tmp_path / "other.db")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": "isr"}, r"no such source: add it with add_source first.*irs"),
        ({"value": float("nan")}, "value nan is not a finite number"),
        ({"value": float("-inf")}, "value -inf is not a finite number"),
        ({"tolerance": -0.1}, "tolerance -0.1 must be a number of at least 0"),
        ({"tolerance": float("nan")}, "tolerance nan"),
        ({"statistic": "mean"}, "statistic 'mean' must be 'count' or 'amount'"),
        ({"constraints": [("state", "!=", "CA")]}, "constraint on state: unknown operation '!='"),
        ({"constraints": [("age", ">=", "old")]}, "constraint on age: bound 'old' is not a finite number"),
        ({"constraints": [("age", "<", float("inf"))]}, "bound 'inf' is not a finite number"),
        ({"constraints": band(10, 5, "age")}, "a band from 10 to 5 holds nothing"),
        ({"constraints": [("age", "<", 5), ("age", "<", 6)]}, "constraint on age: stated twice"),
        ({"constraints": [("age", "=", 5), ("age", "<", 6)]}, "constraint on age: stated twice"),
    ],
)
def test_what_is_wrong_with_a_target_is_said_and_nothing_is_added(store, change, message):
    given = {"source": "irs", "concept": "returns", "statistic": "count", "value": 1.0} | change
    with pytest.raises(InputError, match=message):
        store.add(**given)
    assert not len(store.targets())
    assert store.connection.execute("select count(*) from constraints").fetchone() == (0,)


def test_a_target_stated_twice_is_refused(store):
    store.add("irs", "returns", "count", 1, constraints=band(1, 5_000))
    with pytest.raises(InputError, match=r"returns count of irs in income of 1 to 5,000: stated twice"):
        store.add("irs", "returns", "count", 2, constraints=band(1.0, 5_000))
    for other in ({"source": "other"}, {"statistic": "amount"}, {"period": 2021}, {"constraints": band(1, None)}):
        store.add(**{"source": "irs", "concept": "returns", "statistic": "count", "value": 1,
                     "constraints": band(1, 5_000)} | other)  # fmt: skip
    assert len(store.targets()) == 5


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"href": ""}, "source 'x' lacks href: every target cites"),
        ({"agency": None, "title": None}, "lacks title, agency"),
        ({"url": "y"}, "source 'x': unknown url"),
        ({"id": "y"}, "source 'x': unknown id"),
        ({"period": "soon"}, "period 'soon' is not a year"),
    ],
)
def test_sources_say_where_they_are_from(store, about, message):
    with pytest.raises(InputError, match=message):
        store.add_source("x", **ABOUT | about)
    with pytest.raises(InputError, match="source 'irs' is in the store already"):
        store.add_source("irs", **ABOUT)
    store.add_source("y", **ABOUT, notes="one note")
    assert store.sources().loc["y", "notes"] == '["one note"]'


def test_conditions_are_sql_with_values(store):
    for low, high, value in ((None, 1, 5), (1, 10, 6), (10, None, 7)):
        store.add("irs", "returns", "count", value, constraints=band(low, high))
    assert store.targets("value > ? and label like ?", [5, "income of%"]).value.tolist() == [6.0, 7.0]
    with pytest.raises(InputError, match=r"condition 'size > 3' on targets: no such column: size"):
        store.targets("size > 3")
    with pytest.raises(InputError, match="condition 'value = ' on targets"):
        store.set_active(False, "value = ")


def test_targets_are_switched_off_and_on(store):
    for k in range(4):
        store.add("irs", f"c{k}", "count", k)
    assert store.set_active(False, "value >= ?", [2]) == 2
    assert store.targets("active").value.tolist() == [0.0, 1.0]
    assert store.set_active(True, "concept = 'c3'") == 1
    assert store.targets("active").value.tolist() == [0.0, 1.0, 3.0]
    assert store.set_active(True, "value > 100") == 0


# --- checks


def fill(store, off=0.0, other=None):
    """Bands and states that add up to their totals, but for `off` in one band and one state; another source beside."""
    store.add("irs", "returns", "count", 100)
    for low, high, value in ((None, 1, 20 + off), (1, 10, 30), (10, None, 50)):
        store.add("irs", "returns", "count", value, constraints=band(low, high))
    store.add("irs", "wages", "amount", 510)
    for k, state in enumerate(STATES):
        store.add("irs", "wages", "amount", 10 + off * (k == 3), constraints=[("state", "=", state)])
    if other is not None:
        store.add("other", "returns", "count", other, constraints=band(1, 10))


def test_nothing_is_found_where_all_fits_together(store):
    assert store.check().empty
    fill(store, other=30.3)
    assert store.check().empty
    assert len(store.check(apart=0.005)) == 1  # 30.3 against 30


def test_cells_that_do_not_add_to_their_total_are_found(store):
    fill(store, off=51.0)
    found = store.check()
    assert found[["kind", "concept", "statistic", "where"]].to_numpy().tolist() == [
        ["cells and total", "returns", "count", f"all by {INCOME}"],
        ["cells and total", "wages", "amount", "all by state"],
    ]
    assert found.value.tolist() == [151.0, 561.0]
    assert found["other value"].tolist() == [100.0, 510.0]
    np.testing.assert_allclose(found.difference, [0.51, 0.1])


def test_bands_within_a_state_are_held_against_the_state(store):
    store.add("irs", "returns", "count", 100, constraints=[("state", "=", "CA")])
    for low, high in ((None, 1), (1, None)):
        store.add("irs", "returns", "count", 75, constraints=[("state", "=", "CA"), *band(low, high)])
        store.add("irs", "returns", "count", 75, constraints=[("state", "=", "NY"), *band(low, high)])
    (found,) = store.check().to_dict("records")
    assert (found["where"], found["difference"]) == (f"CA by {INCOME}", 0.5)


def test_sources_that_contradict_each_other_are_found_where_they_count_the_same(store):
    fill(store, other=33.0)
    store.add_source("people", **ABOUT | {"counts": "persons"})
    store.add("people", "returns", "count", 90, constraints=band(1, 10))  # persons: another fact
    store.add("other", "returns", "count", 90, constraints=band(1, 11))  # another stratum
    store.add("other", "returns", "count", 90, constraints=band(1, 10), period=2021)
    (found,) = store.check().to_dict("records")
    assert found == {
        "kind": "sources", "concept": "returns", "statistic": "count", "where": "income of 1 to 10", "source": "other",
        "value": 33.0, "other": "irs", "other value": 30.0, "difference": pytest.approx(0.1),
    }  # fmt: skip


def test_cells_that_are_no_partition_say_nothing_about_the_total(store):
    store.add("irs", "returns", "count", 100)
    store.add("irs", "returns", "count", 1, constraints=band(None, 1))
    store.add("irs", "returns", "count", 1, constraints=band(2, None))  # 1 to 2 is not there
    store.add("irs", "wages", "amount", 100)
    for state in list(STATES)[:50]:
        store.add("irs", "wages", "amount", 1, constraints=[("state", "=", state)])
    assert store.check().empty
    store.add("irs", "wages", "amount", 1, constraints=[("state", "=", list(STATES)[50])])
    store.add("irs", "returns", "count", 1, constraints=band(1, 2))
    assert len(store.check()) == 2


# --- what is shipped


def rows_of(source):
    lines = (FACTS / f"{source}.csv").read_text().splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def test_the_shipped_store_holds_every_row_of_every_table(shipped):
    tables = {p.stem for p in FACTS.glob("*.csv")}
    assert tables == set(shipped.sources().index)
    counts = shipped.targets().groupby("source").size()
    for source in tables:
        rows = rows_of(source)
        assert counts[source] == len(rows), source
        values = shipped.targets("source = ?", [source]).value
        np.testing.assert_array_equal(values, [float(r["value"]) for r in rows])


def test_the_shipped_targets_are_many_and_all_are_cited(shipped):
    assert len(shipped.targets("period in (2022, 2023)")) >= 2_500
    sources = shipped.sources()
    assert (sources.agency.str.len() > 5).all()
    assert sources.href.str.startswith("https://").all()
    assert set(sources.counts) <= set(ROWS)
    assert sources.period.between(2022, 2024).all()
    assert (shipped.targets().cited.str.len() > 0).all()
    assert set(shipped.targets().geography) == {"US", *STATES}


@pytest.mark.parametrize(
    ("concept", "statistic", "where", "source", "other", "difference"),
    [  # facts/README.md, "Where sources disagree"
        ("returns", "count", "all", "soi_states_2022", "soi_2022", -0.010),
        ("returns", "count", "all by state", "soi_states_2022", "soi_states_2022", -0.006),
        ("adjusted_gross_income", "amount", "all", "soi_states_2022", "soi_2022", -0.003),
        ("adjusted_gross_income", "amount", "all by state", "soi_states_2022", "soi_states_2022", -0.007),
        ("employment_income", "amount", "all", "soi_states_2022", "soi_2022", -0.003),
        ("returns", "count", "single", "soi_states_2022", "soi_2022", -0.017),
        ("itemized_deductions", "amount", "all", "soi_states_2022", "soi_2022", -0.026),
        ("medical_deduction", "amount", "all", "soi_states_2022", "soi_2022", -0.137),
        ("eitc", "count", "all", "soi_states_2022", "soi_eitc_2022", -0.016),
        ("eitc", "amount", "all", "soi_states_2022", "soi_eitc_2022", -0.014),
        ("general_sales_taxes", "amount", "all", "soi_states_2022", "soi_2022", None),  # the outlier was left out
        ("eitc_expenditure", "amount", "all", "treasury_2023", "jct_2023", -0.12),
        ("capital_gain_and_dividend_rate_expenditure", "amount", "all", "treasury_2023", "jct_2023", -0.42),
        ("state_and_local_tax_deduction_expenditure", "amount", "all", "treasury_2023", "jct_2023", 0.26),
        ("qualified_business_income_deduction_expenditure", "amount", "all", "treasury_2023", "jct_2023", -0.10),
        ("social_security_exclusion_expenditure", "amount", "all", "treasury_2023", "jct_2023", -0.31),
        ("social_security", "amount", "all", "ssa_2022", "soi_2022", None),  # persons there, returns here
    ],
)
def test_the_known_disagreements_are_found(disagreements, concept, statistic, where, source, other, difference):
    found = disagreements.get((concept, statistic, where, source, other))
    assert found == (None if difference is None else pytest.approx(difference, abs=0.006))


@pytest.fixture(scope="module")
def disagreements(shipped):
    found = shipped.check(apart=0.002)
    assert (found.difference.abs() > 0.002).all()
    assert found.difference.abs().is_monotonic_decreasing
    keys = zip(found.concept, found.statistic, found["where"], found.source, found.other, strict=True)
    return dict(zip(keys, found.difference, strict=True))


# --- facts and concepts


def selected():
    for path in SELECTIONS.glob("*.yaml"):
        for entry in read_selection(path.stem)["targets"]:
            yield path.stem, entry


def test_every_concept_that_a_selection_may_take_is_explained():
    sources = {entry["source"] for _, entry in selected()}
    assert sources
    for name, entry in selected():
        wanted = entry.get("concepts") or {r["concept"] for r in rows_of(entry["source"])}
        assert set(wanted) <= set(concepts()), (name, entry["source"])


def test_every_explained_concept_is_in_a_table_and_its_variables_in_the_system():
    known = {*system().rules, *system().inputs, "one"}
    facts = {r["concept"] for p in FACTS.glob("*.csv") for r in rows_of(p.stem)}
    for concept, described in concepts().items():
        assert concept in facts or "lacks" in described, concept
        assert set(described) <= {"of", "part", "where", "unless", "sums", "lacks"}, concept
        assert ("of" in described) != ("lacks" in described), concept
        assert described.get("part", "positive") in ("positive", "negative"), concept
        of = described.get("of", [])
        names = [n.removeprefix("-") for n in ([of] if isinstance(of, str) else of)]
        for name in [*names, *(described[k] for k in ("where", "unless") if k in described)]:
            assert name in known, (concept, name)


OUTLIER = {"general_sales_taxes", "state_and_local_income_or_sales_taxes", "state_and_local_taxes_before_limit"}


@pytest.mark.parametrize("source", sorted(p.stem for p in FACTS.glob("*.csv")))
def test_bands_touch_without_overlap_and_cover_all(source):
    groups = {}
    for r in rows_of(source):
        key = tuple(r[k] for k in ("concept", "statistic", "state", "filing_status", "children"))
        if r["lower"] or r["upper"]:
            groups.setdefault(key, []).append((float(r["lower"] or "-inf"), float(r["upper"] or "inf")))
    for key, bands in groups.items():
        if source == "soi_2022" and key[0] in OUTLIER and key[1] == "amount":
            continue  # their band of 500,000 to 1,000,000 was left out, see sources.yaml
        bands.sort()
        assert all(a[1] == b[0] for a, b in itertools.pairwise(bands)), key
        if source != "soi_states_2022" or key[0] != "child_and_other_dependent_credit":
            assert bands[-1][1] == np.inf, key  # but for credits by state at 1,000,000 and over, see README.md
        assert bands[0][0] in (-np.inf, 0, 1), key  # 1: deductions, which need an income


# --- reading tables


HEADER = ",".join(COLUMNS)


@pytest.fixture
def folder(tmp_path):
    def make(*lines, band=INCOME, about=None):
        about = {"irs": ABOUT | {"band": band}} if about is None else about
        (tmp_path / "sources.yaml").write_text(yaml.safe_dump(about))
        (tmp_path / "irs.csv").write_text("\n".join(lines) + "\n")
        return tmp_path

    return make


def test_rows_become_targets_from_the_widest_constraint_to_the_narrowest(folder):
    store = TargetStore()
    load_facts(store, folder("# returns", HEADER, "", "eitc,amount,CA,joint,2,1,5000,7.5,B2", "eitc,count,,,3,,1,8,C2"))
    assert store.targets()[["value", "label", "geography", "cited"]].to_numpy().tolist() == [
        [7.5, "CA, joint, eitc_qualifying_children 2, income of 1 to 5,000", "CA", "B2"],
        [8.0, "eitc_qualifying_children 3 or more, income below 1", "US", "C2"],
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["concept,value", "returns,1"], r"irs\.csv, line 2: columns concept, value: must be concept, statistic"),
        ([HEADER, "returns,count,,,,,,1"], r"irs\.csv, line 3: 8 cells for 9 columns"),
        ([HEADER, "returns,count,,,,,,1,x,y"], r"irs\.csv, line 3: 10 cells for 9 columns"),
        ([HEADER, "returns,count,,,,,,1,x", "#", '"returns,count,,,,,,1,x'], r"irs\.csv, line 5: 1 cells"),
        ([HEADER, "", "# x", "returns,count,,,,,,1 234,x"], r"irs\.csv, line 5: column 'value': '1 234' is not a"),
        ([HEADER, "returns,count,,,,,,nan,x"], r"irs\.csv, line 3: .*value nan is not a finite number"),
        ([HEADER, "returns,count,,,,low,,1,x"], r"irs\.csv, line 3: column 'lower': 'low' is not a number"),
        ([HEADER, "returns,count,,,,inf,,1,x"], r"irs\.csv, line 3: .*bound 'inf' is not a finite number"),
        ([HEADER, "returns,count,,,,5,1,1,x"], r"irs\.csv, line 3: .*band from 5 to 1 holds nothing"),
        ([HEADER, "returns,count,,,1.5,,,1,x"], r"irs\.csv, line 3: column 'children': '1.5': use 0 to 3"),
        ([HEADER, "returns,mean,,,,,,1,x"], r"irs\.csv, line 3: .*statistic 'mean'"),
        ([HEADER, "returns,count,,,,,,1,x", "returns,count,,,,,,2,y"], r"irs\.csv, line 4: .*stated twice"),
    ],
)
def test_mistakes_in_a_table_are_named_by_file_and_line(folder, lines, message):
    store = TargetStore()
    with pytest.raises(InputError, match=message):
        load_facts(store, folder("# a comment", *lines))
    assert not len(store.sources())  # all or nothing
    load_facts(store, folder(HEADER, "returns,count,,,,,,1,x"))


def test_a_bound_without_a_band_is_refused(folder):
    with pytest.raises(InputError, match=r"irs\.csv, line 3: column 'upper': the source has no band that '9' bounds"):
        load_facts(TargetStore(), folder(HEADER, "returns,count,,,,,,1,x", "returns,count,,,,,9,1,x", band=None))


def test_mistakes_in_the_list_of_sources_are_named(folder):
    for about, message in (
        ({"irs": {"title": "x"}}, r"sources\.yaml: source 'irs' lacks agency, href, period, counts"),
        (["irs"], r"sources\.yaml: must map ids"),
        ({"xyz": ABOUT}, r"xyz\.csv: cannot be read"),
    ):
        with pytest.raises(InputError, match=message):
            load_facts(TargetStore(), folder(HEADER, about=about))
    made = folder(HEADER)
    (made / "sources.yaml").write_text("irs: [")
    with pytest.raises(InputError, match=r"sources\.yaml: not valid YAML"):
        load_facts(TargetStore(), made)


def test_a_table_that_is_not_text_is_refused(folder):
    made = folder(HEADER)
    (made / "irs.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"irs\.csv: not UTF-8 text"):
        load_facts(TargetStore(), made)
