"""Selections: what entries take, what they are refused, and how cells are brought to a year and a level."""

import numpy as np
import pytest
import yaml

from jaxsim.calibrate import TargetStore, select
from jaxsim.errors import InputError
from jaxsim.household import STATES

INCOME = "adjusted_gross_income"
BANDS = [(None, 1), (1, 10), (10, 20), (20, None)]
WIDE = [(None, 10), (10, None)]
AREAS = sorted(STATES)


def source(store, id, period=2022, counts="returns"):
    store.add_source(id, title=id, agency="A", href="https://example.org", period=period, counts=counts)


def band(low, high, name=INCOME):
    return [(name, o, v) for o, v in ((">=", low), ("<", high)) if v is not None]


def state(name):
    return [("state", "=", name)]


def make_store():
    """A nation by narrow bands, states of a year later by wide ones, ages with one state that has its total alone."""
    store, rng = TargetStore(), np.random.default_rng(0)
    source(store, "nation")
    source(store, "states", period=2023)
    source(store, "ages", period=2023, counts="persons")
    source(store, "people", counts="persons")
    source(store, "old", period=2021)
    for concept, statistic, sign in (("returns", "count", 1), (INCOME, "amount", 1), ("net", "amount", -1)):
        for b in BANDS:
            store.add("nation", concept, statistic, sign * rng.integers(1_000, 9_000), constraints=band(*b))
        store.add("nation", concept, statistic, sign * 9_999, constraints=[("filing_status", "=", "joint")])
        for name in AREAS:
            for b in WIDE:
                store.add("states", concept, statistic, sign * rng.integers(10, 99), constraints=state(name) + band(*b))
            store.add("states", concept, statistic, sign * rng.integers(10, 99), constraints=state(name))
        for b in WIDE:
            store.add("states", concept, statistic, sign * 3_000, constraints=band(*b))
    store.add("states", "lonely", "count", 5, constraints=state("CA"))
    for b in ((0, 18), (18, 65), (65, None)):
        store.add("people", "population", "count", rng.integers(1_000, 9_000), constraints=band(*b, "age"))
        for name in AREAS:
            if name != "DC":
                value = rng.integers(10, 99)
                store.add("ages", "population", "count", value, constraints=state(name) + band(*b, "age"))
    store.add("ages", "population", "count", 60, constraints=state("DC"))
    store.add("old", "returns", "count", 100)
    return store


@pytest.fixture(scope="module")
def store():
    return make_store()


def one(store, period=2022, **entry):
    return select({"period": period, "targets": [entry]}, store)


# --- what is refused


@pytest.mark.parametrize(
    "given",
    [{}, {"period": 2022}, {"period": 2022, "targets": []}, {"period": 2022, "targets": {"source": "nation"}},
     {"period": 2022, "targets": [{"source": "nation"}], "target": 1}],
)  # fmt: skip
def test_a_selection_has_a_period_and_targets(store, given):
    with pytest.raises(InputError, match="a selection has `period`"):
        select(given, store)


@pytest.mark.parametrize("period", ["2022", True, 2022.0, None])
def test_a_period_is_a_year(store, period):
    with pytest.raises(InputError, match=r"period .* is not a year"):
        one(store, period=period, source="nation")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("nation", "entry 1: needs `source`"),
        ({"concepts": ["returns"]}, "entry 1: needs `source`"),
        ({"source": "nation", "concept": ["returns"]}, r"unknown key 'concept'.*concepts"),
        ({"source": "nations"}, r"unknown source 'nations'.*nation"),
        ({"source": "nation", "concepts": ["return"]}, r"nation has no concept 'return'.*returns"),
        ({"source": "nation", "statistics": "mean"}, r"nation has no statistic 'mean'"),
        ({"source": "nation", "concepts": {"returns": 1}}, "concepts: must be a list of names"),
        ({"source": "nation", "concepts": [1]}, "concepts: must be a list of names"),
        ({"source": "nation", "states": "some"}, "states: 'some': use 'only' or 'none'"),
        ({"source": "nation", "bands": True}, "bands: True: use 'only' or 'none'"),
        ({"source": "nation", "states": "only"}, "no target of nation is left"),
        ({"source": "nation", "where": "size > 3"}, "no such column: size"),
        ({"source": "old"}, "old is of 2021, the selection of 2022: add `reconcile` or a `factor`"),
        ({"source": "old", "factor": 1.02}, "a factor needs its reason: add `because`"),
        ({"source": "old", "factor": 1.02, "because": ""}, "a factor needs its reason"),
        ({"source": "old", "factor": "1.02", "because": "growth"}, "factor: '1.02' must be a number"),
        ({"source": "old", "factor": -1, "because": "growth"}, "factor: -1 must be a number of at least 0"),
        ({"source": "nation", "tolerance": float("nan")}, "tolerance: nan must be a number"),
        ({"source": "states", "factor": 1, "because": "x", "reconcile": "nation"}, "reconcile or factor, not both"),
        ({"source": "states", "reconcile": "notion"}, "reconcile: unknown source 'notion'"),
        ({"source": "states", "reconcile": "old"}, "source 'old' has no national totals of 2022"),
        ({"source": "people", "reconcile": "nation"}, "nothing of it can be reconciled with nation"),
        ({"source": "states", "reconcile": "nation", "where": "concept = 'lonely'"}, "nothing of it can be reconciled"),
        ({"source": "states", "reconcile": "nation"}, "nation has no total for lonely count"),
    ],
)
def test_what_is_wrong_with_an_entry_is_said(store, entry, message):
    with pytest.raises(InputError, match=message):
        select({"period": 2022, "targets": [entry]}, store)


def test_a_target_is_not_selected_twice(store):
    entries = [{"source": "nation", "concepts": ["returns"]}, {"source": "nation", "bands": "only"}]
    with pytest.raises(InputError, match=r"nation returns count \(income below 1\) is selected twice"):
        select({"period": 2022, "targets": entries}, store)
    entries[0]["bands"] = "none"
    assert len(select({"period": 2022, "targets": entries}, store)) == 1 + 12


def test_an_unknown_name_of_a_selection_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no selection 'us_2202': .*us_2022"):
        select("us_2202")
    with pytest.raises(InputError, match=r"mine\.yaml: cannot be read"):
        select(tmp_path / "mine.yaml")
    (tmp_path / "mine.yaml").write_text("- source")
    with pytest.raises(InputError, match=r"mine\.yaml: a selection maps"):
        select(tmp_path / "mine.yaml")


# --- what is taken


@pytest.mark.parametrize(
    ("entry", "count"),
    [
        ({"source": "nation"}, 15),
        ({"source": "nation", "concepts": "returns"}, 5),
        ({"source": "nation", "concepts": ["returns", "net"], "bands": "only"}, 8),
        ({"source": "nation", "bands": "none"}, 3),
        ({"source": "nation", "filing_status": "only"}, 3),
        ({"source": "nation", "filing_status": "none", "statistics": ["amount"]}, 8),
        ({"source": "nation", "where": "value < 0 and label = 'joint'"}, 1),
    ],
)
def test_filters(store, entry, count):
    targets = one(store, **entry)
    assert len(targets) == len(targets.constraints) == len(targets.names) == count
    assert targets.factors.empty
    assert targets.period == 2022
    assert (targets.table.value == targets.table.published).all()


@pytest.mark.parametrize(
    ("entry", "count"),
    [({}, 156), ({"states": "only"}, 154), ({"states": "none"}, 2), ({"states": "only", "bands": "none"}, 52)],
)
def test_filters_of_states(store, entry, count):
    kept = one(store, period=2023, source="states", where="concept in ('returns', 'lonely')", **entry)
    assert len(kept) == count


def test_constraints_stand_in_the_order_of_the_table(store):
    targets = one(store, source="nation", concepts=["returns"])
    assert targets.constraints[0] == ((INCOME, "<", "1"),)
    assert targets.constraints[1] == ((INCOME, ">=", "1"), (INCOME, "<", "10"))
    assert targets.names[1] == "nation: returns count, income of 1 to 10"
    kept = targets.keep([1, 4])
    assert kept.names == [targets.names[1], targets.names[4]]
    assert kept.constraints == (targets.constraints[1], targets.constraints[4])
    assert targets.keep(np.arange(5) < 2).names == targets.names[:2]
    assert set(targets.table.family) == {"nation.returns"}
    assert repr(targets) == "<5 targets for 2022 in 1 families>"


def test_what_is_switched_off_is_not_taken(store):
    mine = make_store()
    mine.set_active(False, "source = 'nation' and concept = 'net'")
    assert len(one(mine, source="nation")) == 10
    with pytest.raises(InputError, match="nation has no concept 'net'"):
        one(mine, source="nation", concepts=["net"])


def test_tolerances_are_set_by_entry(store):
    entries = [{"source": "nation", "tolerance": 0.03}, {"source": "people"}]
    table = select({"period": 2022, "targets": entries}, store).table
    assert table.groupby("source").tolerance.unique().map(list).to_dict() == {"nation": [0.03], "people": [0.0]}


def test_a_factor_with_its_reason_moves_values_and_keeps_what_was_printed(store):
    targets = one(store, source="old", factor=1.05, because="growth of filers")
    assert targets.table.value.tolist() == [105.0]
    assert targets.table.published.tolist() == [100.0]
    assert targets.factors.to_dict("records") == [
        {"source": "old", "group": "all", "factor": 1.05, "because": "growth of filers"}
    ]
    assert store.targets("source = 'old'").value.tolist() == [100.0]


def test_a_selection_is_read_from_a_file(store, tmp_path):
    given = {"period": 2022, "targets": [{"source": "nation", "concepts": ["returns"]}]}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(given))
    assert select(str(tmp_path / "mine.yaml"), store).names == select(given, store).names


# --- reconciling


def nation_of(store, concept, low, high):
    rows = store.targets("source = 'nation' and concept = ? and label like 'income%'", [concept])
    ends = [(-np.inf if a is None else a, np.inf if b is None else b) for a, b in BANDS]
    return sum(v for v, (a, b) in zip(rows.value, ends, strict=True) if a >= low and b <= high)


@pytest.mark.parametrize("extra", [{}, {"states": "only"}])
def test_states_add_up_to_the_nation_afterwards_whether_or_not_the_nation_is_chosen_too(store, extra):
    entry = {"source": "states", "concepts": ["returns", INCOME, "net"], "bands": "only", "reconcile": "nation"}
    table = one(store, **entry, **extra).table
    cells = table[table.geography != "US"].groupby(["concept", "label"], sort=False)
    for name in ("returns", INCOME, "net"):
        for words, low, high in (("income below 10", -np.inf, 10), ("income of 10 or more", 10, np.inf)):
            total = nation_of(store, name, low, high)
            rows = table[(table.concept == name) & (table.label == words)]
            assert rows.value.tolist() == ([] if extra else [pytest.approx(total, rel=1e-14)])
            rows = table[(table.concept == name) & table.label.str.endswith(", " + words)]
            assert len(rows) == 51
            assert rows.value.sum() == pytest.approx(total, rel=1e-14)
            ratio = rows.value / rows.published  # one factor: the shape over states stays
            np.testing.assert_allclose(ratio, total / rows.published.sum(), rtol=1e-14)
    assert cells.ngroups == 3 * 51 * 2


def test_every_factor_is_reported_with_its_reason(store):
    targets = one(store, source="states", concepts=["returns"], bands="only", reconcile="nation")
    assert targets.factors.source.unique().tolist() == ["states"]
    assert targets.factors.because.unique().tolist() == ["cells add up to nation"]
    assert sorted(targets.factors.group) == [
        "returns count, income below 10",
        "returns count, income below 10, nation",
        "returns count, income of 10 or more",
        "returns count, income of 10 or more, nation",
    ]
    table = targets.table.assign(factor=targets.table.value / targets.table.published)
    states = table[table.label.str.endswith(", income below 10")]
    reported = targets.factors.set_index("group").factor
    np.testing.assert_allclose(states.factor, reported["returns count, income below 10"])


def test_totals_are_added_up_from_bands_where_a_source_prints_bands_alone(store):
    table = one(store, source="states", concepts=["returns"], bands="none", states="only", reconcile="nation").table
    assert len(table) == 51
    assert table.value.sum() == pytest.approx(nation_of(store, "returns", -np.inf, np.inf), rel=1e-14)


def test_some_states_are_scaled_as_all_are(store):
    entry = {"source": "states", "concepts": ["returns"], "bands": "only", "reconcile": "nation"}
    every = one(store, **entry).table
    some = one(store, **entry, where="geography in ('CA', 'NY')").table
    assert len(some) == 4
    assert some.value.tolist() == every.value[some.index].tolist()


def test_a_state_with_its_total_alone_is_taken_to_have_the_bands_of_the_others(store):
    table = one(store, source="ages", reconcile="people").table
    nation = store.targets("source = 'people'").value
    assert table.value.sum() == pytest.approx(nation.sum(), rel=1e-14)
    alone = float(table.value[table.geography == "DC"].iloc[0])
    share = 60 / table.published.sum()
    assert alone == pytest.approx(nation.sum() * share, rel=1e-14)
    for total, low in zip(nation, ("age 0 to 18", "age 18 to 65", "age 65 or more"), strict=True):
        cells = table[table.label.str.endswith(low)]
        assert len(cells) == 50
        assert cells.value.sum() == pytest.approx(total * (1 - share), rel=1e-14)
    banded = one(store, source="ages", bands="only", reconcile="people").table
    assert banded.value.tolist() == table.value[banded.index].tolist()


def test_a_state_with_its_total_alone_beside_states_with_both():
    store = make_store()
    for name in AREAS:
        if name != "DC":
            value = store.targets("source = 'ages' and geography = ?", [name]).value.sum()
            store.add("ages", "population", "count", value, constraints=state(name))
    with_totals = one(store, source="ages", reconcile="people").table
    without = one(make_store(), source="ages", reconcile="people").table
    np.testing.assert_allclose(with_totals.value[without.index], without.value, rtol=1e-13)
    whole = with_totals[~with_totals.label.str.contains("age")]
    assert len(whole) == 51
    assert whole.value.sum() == pytest.approx(store.targets("source = 'people'").value.sum(), rel=1e-13)


def test_cells_that_some_states_have_in_other_bands_are_left_and_reported():
    """States whose thin cells were combined do not carry a band's total alone."""
    store = make_store()
    source(store, "thin")
    for k, name in enumerate(AREAS):
        for b in [(None, 10), (10, 20), (20, None)] if k > 4 else [(None, 20), (20, None)]:
            store.add("thin", "returns", "count", 10, constraints=state(name) + band(*b))
    targets = one(store, source="thin", reconcile="nation")
    moved = targets.table.value != targets.table.published
    assert set(targets.table.label[moved].str.split(", ").str[1]) == {"income of 20 or more"}
    left = targets.factors[targets.factors.factor == 1]
    assert set(left.group) == {f"returns count, income {w}" for w in ("below 10", "of 10 to 20", "below 20")}
    assert left.because.str.contains("other states have it in other bands").all()


def test_totals_without_a_counterpart_stay_as_they_are_in_the_same_year():
    store = make_store()
    source(store, "same")
    for name in AREAS:
        store.add("same", "returns", "count", 10, constraints=state(name))
        store.add("same", "returns", "count", 4, constraints=[*state(name), ("filing_status", "=", "single")])
    targets = one(store, source="same", reconcile="nation")
    single = targets.table[targets.table.label.str.contains("single")]
    assert (single.value == single.published).all()
    assert targets.factors.because.tolist()[1] == "nation has no total that these cells add up to"


def test_one_entry_is_of_one_year():
    store = make_store()
    store.add("states", "returns", "count", 5, constraints=state("CA"), period=2022)
    with pytest.raises(InputError, match="cells of 2023 and 2022: narrow the entry to one year"):
        one(store, source="states", concepts=["returns"], reconcile="nation")


# --- the shipped selection


@pytest.fixture(scope="module")
def shipped():
    return select("us_2022")


def test_the_shipped_selection(shipped):
    table = shipped.table
    assert shipped.period == 2022
    assert len(shipped) > 5_000
    assert not table.index.has_duplicates
    assert len(set(shipped.names)) == len(shipped)
    assert np.isfinite(table.value).all()
    assert (table.published[table.source == "soi_2022"] == table.value[table.source == "soi_2022"]).all()
    assert set(table.geography[table.source == "census_adults_states_2023"]) == set(AREAS)
    assert shipped.factors.factor.between(0.85, 1.35).all()
    assert shipped.factors.because.str.startswith("cells add up to").all()


def test_states_of_the_shipped_selection_add_up_to_the_nation(shipped):
    table, store = shipped.table, TargetStore.shipped()
    ages = table[table.source == "census_adults_states_2023"]
    nation = store.targets("source = 'census_age_groups_2022'")
    assert ages.value.sum() == pytest.approx(nation.value.sum(), rel=1e-13)
    returns = table[(table.source == "soi_states_2022") & (table.concept == "returns")]
    total = store.targets("source = 'soi_2022' and concept = 'returns' and label = 'all'").value.iloc[0]
    assert returns.value.sum() == pytest.approx(total, rel=1e-7)  # bands of 1304 add up to it within 4 returns
    eitc = table[(table.source == "soi_states_2022") & (table.concept == "eitc")]
    printed = store.targets("source = 'soi_eitc_2022' and label = 'all'").set_index("statistic").value
    for statistic, rows in eitc[eitc.label.isin(AREAS)].groupby("statistic"):
        assert rows.value.sum() == pytest.approx(printed[statistic], rel=1e-13)
