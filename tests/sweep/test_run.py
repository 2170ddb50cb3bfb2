"""Sweeps: equal to one reform at a time, and a ledger that survives whatever stops them."""

import errno
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from pyarrow import dataset, parquet

import jaxsim as js
from jaxsim import measures
from jaxsim.sweep import Local, hashes, kernel, ledger, run
from jaxsim.sweep.hashes import of_functions
from jaxsim.sweep.kernel import Kernel
from jaxsim.sweep.ledger import Ledger

WAGE_BASE = "irs.payroll.social_security.wage_base"
CREDIT = "irs.credits.ctc.amount"
PLAN = js.grid({WAGE_BASE: np.linspace(100_000, 300_000, 40)})  # 5 chunks of 8
CHUNK = 8

assert_same = functools.partial(assert_frame_equal, check_exact=True)


@pytest.fixture(scope="module")
def quick(population):
    """A simulation whose kernels compute as many reforms at once as a chunk holds."""
    return js.Simulation(population, 2026, layout=js.Layout(reforms=CHUNK))


@pytest.fixture(scope="module")
def go(quick):
    """Run the plan."""

    def go(out=None, sim=quick, plan=PLAN, outcomes="payroll_tax", **options):
        given = {"precision": "float64", "chunk": CHUNK, "progress": False, **options}
        return js.sweep(sim, plan, outcomes, out=out, **given)

    return go


@pytest.fixture(scope="module")
def whole(go):
    """The table of an uninterrupted run."""
    return go().table


@pytest.fixture
def finished(go, tmp_path):
    """The folder of a finished run."""
    go(tmp_path / "run")
    return tmp_path / "run"


def contents(folder: Path) -> dict[str, bytes]:
    """Every file that is not hidden."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("[!.]*") if p.is_file()}


def chunk_of(folder: Path, number: int) -> Path:
    return folder / "chunks" / f"part-{number:06d}.parquet"


def refuse_to_compute(*_):
    raise AssertionError("nothing is left to compute")


# --- what it computes


def test_a_sweep_equals_one_reform_at_a_time(sim):
    plan = js.latin_hypercube({CREDIT: (0, 6_000), "irs.deductions.standard.amount.JOINT": (20_000, 40_000)}, 12)
    outcomes = ["income_tax", "eitc"]
    made = js.sweep(sim, plan, outcomes, precision="float64", progress=False)
    assert list(made.table.index) == list(range(12))
    assert list(made.table.columns) == [*plan.values, *outcomes]
    assert_same(made.table[list(plan.values)].reset_index(drop=True), plan.to_frame())
    for r in (0, 5, 11):
        reform = {path: float(made.table.loc[r, path]) for path in plan.values}
        alone = sim.with_reform(reform).total(*outcomes)
        np.testing.assert_allclose(made.table.loc[r, outcomes], alone, rtol=1e-12)
    assert made.error is None

    narrow = js.sweep(sim, plan, outcomes, progress=False)
    difference = (narrow.table - made.table)[outcomes].abs().max() / made.table[outcomes].abs().max()
    # 12 reforms: all of them are in the sample by which the error is stated
    np.testing.assert_allclose(narrow.error, difference, rtol=1e-6, atol=1e-12)
    assert narrow.error.max() < 1e-5


def test_the_stated_error_holds_beyond_the_sample(go, whole):
    narrow = go(precision="float32", check=4)
    share = (narrow.table["payroll_tax"] / whole["payroll_tax"] - 1).abs().max()
    # amounts are rounded alike in every reform, so a tenth of them tells the size of the error
    assert 0 < share <= 3 * narrow.error["payroll_tax"] + 1e-8
    assert go(precision="float32", check=0).error is None


def test_both_kernels_and_any_chunk_give_the_same(go, whole):
    assert_frame_equal(go(kernel="generic").table, whole, rtol=1e-12)
    assert_same(go(chunk=3).table, whole)
    assert_same(go(executor=Local(1)).table, whole)


def test_an_empty_cell_stays_as_in_the_law(go, quick):
    table = go(plan=[{WAGE_BASE: 150_000.0}, {CREDIT: 3_000.0}]).table
    assert table["payroll_tax"][1] == pytest.approx(quick.total("payroll_tax"), rel=1e-12)
    assert table["payroll_tax"][0] < table["payroll_tax"][1]
    assert np.isnan(table[WAGE_BASE][1])


def test_a_run_plots_and_says_what_it_is(go, finished):
    made = js.open_sweep(finished)
    assert "40 of 40 reforms, 1 figures" in repr(made)
    assert str(finished) in repr(made)
    assert made.cells == [WAGE_BASE]
    assert made.figures == ["payroll_tax"]
    assert made.plot().axes
    assert "float32 within" in repr(go(precision="float32"))
    assert "a second" in repr(go())


# --- the ledger


def test_a_finished_run_is_read_not_computed(go, finished, whole, monkeypatch):
    before = contents(finished)
    monkeypatch.setattr(Kernel, "figures", refuse_to_compute)
    again = go(finished)
    assert again.resumed == 40
    assert again.missing == 0
    assert np.isnan(again.rate)
    assert_same(again.table, whole)
    assert_same(js.open_sweep(finished).table, whole)
    assert contents(finished) == before


def remove(path):
    path.unlink()


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def empty(path):
    path.write_bytes(b"")


def text(path):
    path.write_text("not Parquet")


def from_elsewhere(path):
    """A file of as many rows and the same columns, of no run."""
    frame = pd.read_parquet(path)
    frame.to_parquet(path)


def from_its_neighbour(path):
    """Too few rows."""
    frame = pd.read_parquet(path).iloc[1:]
    frame.to_parquet(path)


@pytest.mark.parametrize("damage", [remove, cut, empty, text, from_elsewhere, from_its_neighbour])
def test_a_chunk_that_is_not_whole_is_computed_again(go, finished, whole, damage):
    before = contents(finished)
    damage(chunk_of(finished, 3))
    assert js.open_sweep(finished).missing == 8
    assert len(js.open_sweep(finished).table) == 32
    again = go(finished)
    assert again.resumed == 32
    assert_same(again.table, whole)
    assert contents(finished) == before


def test_a_chunk_of_another_run_is_computed_again(go, finished, whole, tmp_path):
    go(tmp_path / "other", plan=js.grid({WAGE_BASE: np.linspace(1, 2, 40)}))
    shutil.copy(chunk_of(tmp_path / "other", 1), chunk_of(finished, 1))
    assert js.open_sweep(finished).missing == 8
    assert_same(go(finished).table, whole)


def test_what_a_killed_writer_left_is_no_result_and_is_removed(go, finished, whole):
    left = finished / "chunks" / f".part-000002-abcd{ledger.PARTIAL}"
    left.write_bytes(chunk_of(finished, 2).read_bytes())
    assert count_rows(finished) == {40}
    go(finished)
    assert not left.exists()


def test_other_programs_read_the_chunks(finished):
    assert count_rows(finished) == {40}
    table = dataset.dataset(finished / "chunks").to_table()
    assert table.column_names == ["reform", WAGE_BASE, "payroll_tax"]
    assert sorted(table["reform"].to_pylist()) == list(range(40))


def count_rows(folder: Path) -> set[int]:
    """Rows by pyarrow, pandas and, where it is installed, DuckDB."""
    counts = {dataset.dataset(folder / "chunks").count_rows(), len(pd.read_parquet(folder / "chunks"))}
    try:
        import duckdb
    except ImportError:
        return counts
    return counts | {duckdb.sql(f"select count(*) from read_parquet('{folder}/chunks/*.parquet')").fetchall()[0][0]}


def other_population(sim):
    income = sim.population.tables["person"]["employment_income"]
    return {"sim": sim.with_column("employment_income", income + 1)}


def other_rules(sim):
    @js.rule(sim.system.entities["tax_unit"])
    def payroll_tax(employee_payroll_tax):
        """Half of the tax."""
        return employee_payroll_tax

    return {"sim": sim.with_rules(payroll_tax)}


CHANGES = {
    "plan": lambda sim: {"plan": js.grid({WAGE_BASE: np.linspace(100_000, 300_001, 40)})},
    "outcomes": lambda sim: {"outcomes": "income_tax"},
    "population": other_population,
    "population ": lambda sim: {"sim": sim.with_weights(2 * sim.population.weights)},
    "law": lambda sim: {"sim": sim.with_reform({"irs.payroll.medicare.employee_rate": 0.02})},
    "rules": other_rules,
    "precision": lambda sim: {"precision": "float32"},
    "plan, precision": lambda sim: {"plan": {WAGE_BASE: [1.0, 2.0]}, "precision": "float32"},
}


@pytest.mark.parametrize("what", CHANGES)
def test_another_run_is_refused_and_the_folder_stays_as_it_is(go, finished, quick, what):
    before = contents(finished)
    verb = "differ" if "," in what else "differs"
    with pytest.raises(js.JaxsimError, match=f"holds another run: its {what.strip()} {verb}\\."):
        go(finished, **CHANGES[what](quick))
    assert contents(finished) == before


def test_a_run_by_other_code_is_refused(go, finished, monkeypatch):
    before = contents(finished)
    monkeypatch.setattr(hashes, "of_code", lambda: "other")
    with pytest.raises(js.JaxsimError, match=r"its version of jaxsim's code differs"):
        go(finished)
    assert contents(finished) == before


SHARE = 2.0


def shared(employment_income):
    return SHARE * employment_income


def test_outcomes_differ_by_all_that_makes_them(sim, monkeypatch):
    """By argument names, constants, closures, defaults, globals, columns, entities and slopes."""

    def scaled(factor):
        return lambda employment_income: factor * employment_income

    def measure(function, name="m", entity="person", **options):
        return js.Measure(name, entity, amounts=function, **options)

    ones, zeros = np.ones(sim.population.count("person")), np.zeros(sim.population.count("person"))
    same = lambda employment_income, extra: employment_income + extra  # noqa: E731
    variants = [
        measure(lambda employment_income: employment_income),
        measure(lambda social_security: social_security),
        measure(lambda employment_income: employment_income + 1),
        measure(lambda employment_income: employment_income, over=lambda persons: persons),
        measure(lambda employment_income: employment_income, name="n"),
        measure(scaled(2.0)),
        measure(scaled(3.0)),
        measure(scaled(np.float32(3.0))),
        measure(scaled(np.float32(4.0))),
        measure(scaled(np.array([3.0]))),
        measure(functools.partial(lambda factor, employment_income: factor * employment_income, 2.0)),
        measure(functools.partial(lambda factor, employment_income: factor * employment_income, 3.0)),
        measure(same, columns={"extra": ones}),
        measure(same, columns={"extra": zeros}),
        js.Measure("persons", "household", amounts=lambda persons: persons),
        js.Measure("persons", "tax_unit", amounts=lambda persons: persons),
        measures.slopes(sim, "payroll_tax", WAGE_BASE),
        measures.slopes(sim, "payroll_tax", "irs.payroll.medicare.employee_rate"),
        measure(shared),
    ]
    hashes = [outcomes_of(sim, m) for m in variants]
    assert len(set(hashes)) == len(variants)
    assert hashes == [outcomes_of(sim, m) for m in variants]
    monkeypatch.setitem(globals(), "SHARE", 3.0)
    assert outcomes_of(sim, variants[-1]) not in hashes


def outcomes_of(sim, measure):
    work = run.Work(sim, (measure,), (WAGE_BASE,), pinned=("generic", 1, 8))
    _, values = PLAN.table(sim.law)
    return run._manifest(work, PLAN, values, 8)["outcomes"]


FUNCTION = """
LIMITS = {"low": 1.0, "high": 2.0}

def f(x):
    return x in {"a", "b", "c", "d", "e"}, [g(y) for y in LIMITS]

def g(y):
    return f(y)
"""


def test_hashes_are_the_same_in_every_process():
    """Sets of text are in another order in every process, and objects at another address."""
    space: dict = {"__name__": "here"}
    exec(FUNCTION, space)
    code = f"space = {{'__name__': 'here'}}\nexec({FUNCTION!r}, space)\n"
    code += "from jaxsim.sweep.hashes import of_functions\nprint(of_functions({'f': space['f']}))"
    environment = {**os.environ, "PYTHONHASHSEED": "123", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == of_functions({"f": space["f"]})


def test_a_folder_with_other_files_is_refused(go, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(js.JaxsimError, match="holds other files"):
        go(tmp_path)
    assert contents(tmp_path) == {"notes.txt": b"mine"}


def test_an_empty_folder_will_do(go, tmp_path, whole):
    assert_same(go(tmp_path).table, whole)


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (None, "there is no sweep here"),
        ("{", "cannot be read"),
        ("[]", "not a manifest of this version"),
        (json.dumps({"format": 0}), "not a manifest of this version"),
        (json.dumps({"format": ledger.FORMAT}), "not a manifest of this version"),
    ],
)
def test_a_folder_that_is_no_sweep_is_not_opened(go, tmp_path, manifest, message):
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(js.JaxsimError, match=message):
        js.open_sweep(tmp_path)
    if manifest is not None:
        with pytest.raises(js.JaxsimError, match=message):
            go(tmp_path)
        assert contents(tmp_path) == {"manifest.json": manifest.encode()}


def test_an_unfinished_run_is_read_as_far_as_it_got(go, tmp_path, whole):
    first = go(tmp_path, shard="1/3")
    assert first.missing == 40 - 16
    assert_same(first.table, whole.iloc[[*range(8, 16), *range(32, 40)]])
    for path in (tmp_path / "chunks").iterdir():
        path.unlink()
    nothing = js.open_sweep(tmp_path).table
    assert list(nothing.columns) == list(whole.columns)
    assert len(nothing) == 0


# --- shards and merging


def test_shards_together_are_the_whole_and_merge_to_the_same_file(go, tmp_path, whole):
    out = tmp_path / "run"
    for number, shard in enumerate(("0/3", (1, 3), "2/3")):
        made = go(out, shard=shard)
        if number < 2:
            with pytest.raises(js.JaxsimError, match=f"{made.missing} of 40 reforms are missing"):
                made.merge(tmp_path / "early.csv")
    assert not (tmp_path / "early.csv").exists()
    assert_same(js.open_sweep(out).table, whole)
    for ending in ("parquet", "csv", "csv.gz"):
        files = [js.open_sweep(out).merge(tmp_path / f"{n}.{ending}") for n in (1, 2)]
        assert files[0].read_bytes() == files[1].read_bytes()
        read = pd.read_parquet(files[0]) if ending == "parquet" else pd.read_csv(files[0], index_col="reform")
        assert_same(read, whole)
    with pytest.raises(js.JaxsimError, match=r"name a \.csv"):
        made.merge(tmp_path / "merged.xls")


def test_a_shard_without_chunks_does_nothing(go, tmp_path):
    made = go(tmp_path, shard=(7, 8))
    assert made.missing == 40
    assert contents(tmp_path).keys() == {"manifest.json"}


def test_processes_that_start_at_once_share_one_layout(go, tmp_path, monkeypatch, population):
    """Whoever writes the manifest first says how the run is cut; here another does between our look and our start."""
    check = Ledger.writable
    wide = js.Simulation(population, 2026, layout=js.Layout(reforms=4))

    def meanwhile(folder):
        monkeypatch.setattr(Ledger, "writable", check)
        go(tmp_path, sim=wide, shard="0/2", chunk=4)

    monkeypatch.setattr(Ledger, "writable", meanwhile)
    made = go(tmp_path, shard="1/2")
    assert made.manifest["layout"][2] == 4
    assert made.missing == 0
    assert_same(made.table, go(sim=wide, chunk=4).table)


# --- memory, devices and mistaken arguments


def test_little_memory_takes_fewer_laws_at_a_time(go, sim, tmp_path, monkeypatch):
    def largest(payroll_tax, weight):  # whole columns are what takes memory law by law
        return (payroll_tax * (weight > 0)).max()

    outcomes = ["payroll_tax", largest]
    monkeypatch.setattr(kernel, "held_memory", lambda: 0.0)
    roomy = Kernel(sim, measures.resolve(sim, outcomes), [WAGE_BASE], laws=40)
    little = roomy._need(1) / 2
    made = go(tmp_path, sim=sim, outcomes=outcomes, memory=little, executor=Local(1))
    assert 1 <= made.manifest["layout"][2] < roomy.size
    # XLA adds up in another order
    assert_frame_equal(made.table, go(sim=sim, outcomes=outcomes).table, rtol=1e-14)
    # going on, the layout stays, so that all chunks are alike to the last digit
    chunk_of(tmp_path, 2).unlink()
    with pytest.raises(js.JaxsimError, match="laws at a time, as laid out, takes"):
        go(tmp_path, sim=sim, outcomes=outcomes, memory=little / 50, executor=Local(1))
    again = go(tmp_path, sim=sim, outcomes=outcomes)
    assert again.manifest["layout"] == made.manifest["layout"]
    assert_same(again.table, made.table)


def test_too_little_memory_is_told_before_the_run(go, sim, tmp_path):
    with pytest.raises(js.JaxsimError, match=r"memory of 0\.00 GB is too little: one law at a time takes"):
        go(tmp_path, sim=sim, memory="1MB")
    with pytest.raises(js.JaxsimError, match=r"too little: 8 laws at a time, as laid out, takes"):
        go(tmp_path, memory="1MB")
    assert contents(tmp_path) == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shard": "3/3"}, "shards of 3 are numbered 0 to 2"),
        ({"shard": (-1, 3)}, "numbered 0 to 2"),
        ({"shard": (0, 0)}, "shard 0/0"),
        ({"shard": "1"}, "give i/n"),
        ({"shard": "a/b"}, "give i/n"),
        ({"shard": 1}, "give i/n"),
        ({"executor": "dask"}, "executor 'dask' is unknown: use 'local', 'ray'"),
        ({"executor": None}, "executor None is none"),
        ({"kernel": "fast"}, "kernel 'fast' is unknown"),
        ({"precision": "half"}, "precision 'half' is unknown"),
        ({"memory": "much"}, "memory 'much': give bytes, or a size such as 4GB"),
        ({"memory": "4 TB"}, "memory '4 TB'"),
        ({"memory": "-1GB"}, "above 0"),
        ({"memory": 0}, "above 0"),
        ({"devices": "some"}, "devices='some': give 'all' or a list"),
        ({"devices": []}, "give 'all' or a list"),
        ({"devices": 2}, "give 'all' or a list"),
        ({"chunk": 0}, "chunk=0: give a whole number of at least 1"),
        ({"chunk": 2.5}, r"chunk=2\.5"),
        ({"check": -1}, "check=-1: give a whole number of at least 0"),
        ({"plan": {"irs.credits.ctc.amonut": [1.0]}}, "Nearest: irs.credits.ctc.amount"),
        ({"plan": {CREDIT: [-1.0]}}, "outside the valid range"),
        ({"outcomes": "incme_tax"}, "income_tax"),
        ({"outcomes": js.Measure("reform", "tax_unit", amounts=lambda eitc: eitc)}, "'reform' has the name of another"),
        ({"outcomes": js.Measure(WAGE_BASE, "tax_unit", amounts=lambda eitc: eitc)}, "has the name of another column"),
    ],
)
def test_mistaken_arguments_leave_nothing_behind(go, tmp_path, options, message):
    with pytest.raises(js.JaxsimError, match=message):
        go(tmp_path, **options)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("size", ["4GB", "4 gb", "4e9", "4000MB", "4G"])
def test_sizes_of_memory(size):
    assert run._bytes(size) == 4e9


def test_threads_share_one_kernel(go, finished, monkeypatch):
    made = []

    def slow(*arguments, **options):
        made.append(arguments)
        time.sleep(0.05)  # time for the other threads to ask for theirs
        return Kernel(*arguments, **options)

    for number in range(5):
        chunk_of(finished, number).unlink()
    monkeypatch.setattr(run, "Kernel", slow)
    go(finished, executor=Local(4))
    assert len(made) == 1


# --- what stops a run


def test_a_folder_that_cannot_be_made_is_told_before_the_run(go, tmp_path, monkeypatch):
    monkeypatch.setattr(Kernel, "figures", refuse_to_compute)
    (tmp_path / "file").write_text("a file")
    with pytest.raises(js.JaxsimError, match=r"file/run.*cannot be written"):
        go(tmp_path / "file" / "run")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_told(go, tmp_path, finished):
    for folder in (tmp_path / "closed", finished):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o555)
        with pytest.raises(js.JaxsimError, match="cannot be written: Permission denied"):
            go(folder)
        folder.chmod(0o755)


def read_only(*_, **__):
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def test_a_file_system_that_is_read_only_is_told(go, tmp_path, finished, monkeypatch):
    chunk_of(finished, 4).unlink()
    monkeypatch.setattr(tempfile, "mkstemp", read_only)
    monkeypatch.setattr(Kernel, "figures", lambda self, values: np.zeros((len(values), 1)))
    for folder in (tmp_path / "new", finished):
        with pytest.raises(js.JaxsimError, match="cannot be written: Read-only file system"):
            go(folder)


def test_a_full_disk_keeps_what_is_done(go, tmp_path, whole, monkeypatch):
    write, calls = parquet.write_table, []

    def until_full(table, path, **options):
        calls.append(path)
        if len(calls) == 3:
            write(table, path, **options)
            path.write_bytes(path.read_bytes()[:200])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(table, path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(parquet, "write_table", until_full)
        with pytest.raises(js.JaxsimError, match=r"part-000002\.parquet: cannot be written: No space left on device"):
            go(tmp_path, executor=Local(1))
    assert contents(tmp_path).keys() == {"manifest.json", "chunks/part-000000.parquet", "chunks/part-000001.parquet"}
    assert list((tmp_path / "chunks").glob(".*")) == []
    assert_same(js.open_sweep(tmp_path).table, whole.iloc[:16])
    again = go(tmp_path)
    assert again.resumed == 16
    assert_same(again.table, whole)


def test_two_writers_of_one_folder(go, finished, monkeypatch):
    held = Ledger.open(finished)
    with held.writing():
        with pytest.raises(js.JaxsimError, match="another process is writing this sweep"):
            go(finished)
        go(finished, shard="1/3")
    with held.writing((1, 3)):
        with pytest.raises(js.JaxsimError, match="another process is writing shard 1/3"):
            go(finished, shard="1/3")
        go(finished, shard="0/3")
    monkeypatch.setattr(Kernel, "figures", refuse_to_compute)
    assert go(finished, shard="1/3").missing == 0


def test_the_lock_is_freed_after_an_error(go, tmp_path, whole):
    class Failing(Local):
        def run(self, chunks, values, work, tick):
            yield from list(super().run(chunks[:1], values, work, tick))
            raise PermissionError(errno.EACCES, "of the executor")

    with pytest.raises(PermissionError, match="of the executor"):  # no matter of the folder, so told as it is
        go(tmp_path, executor=Failing())
    assert_same(go(tmp_path).table, whole)


class Interrupted(Local):
    """Stops as by Ctrl-C after two chunks."""

    def run(self, chunks, values, work, tick):
        for count, done in enumerate(super().run(chunks, values, work, tick)):
            if count == 2:
                raise KeyboardInterrupt
            yield done


def test_an_interrupted_run_goes_on(go, tmp_path, whole, capsys):
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path, executor=Interrupted(2), progress=True)
    assert js.open_sweep(tmp_path).missing == 24
    capsys.readouterr()
    again = go(tmp_path, progress=True)
    assert "40 reforms, 16 of them before" in " ".join(capsys.readouterr().out.split())
    assert again.resumed == 16
    assert_same(again.table, whole)


def test_ctrl_c_stops_between_calls(go, tmp_path, whole, monkeypatch):
    compute, calls = Kernel.figures, []

    def pressed(self, values):
        calls.append(len(values))
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)  # the call is under way when it arrives
        return compute(self, values)

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # test runners may ignore it
    try:
        with monkeypatch.context() as patch:
            patch.setattr(Kernel, "figures", pressed)
            with pytest.raises(KeyboardInterrupt):
                go(tmp_path, executor=Local(1))
    finally:
        signal.signal(signal.SIGINT, handler)
    assert len(calls) == 3
    assert_same(js.open_sweep(tmp_path).table, whole.iloc[:16])
    assert_same(go(tmp_path).table, whole)


def test_an_error_in_a_worker_keeps_what_is_done(go, tmp_path, whole, monkeypatch):
    compute = Kernel.figures

    def broken(self, values):
        if values[0, 0] == PLAN.to_frame()[WAGE_BASE][24]:
            raise ZeroDivisionError("in a worker")
        return compute(self, values)

    with monkeypatch.context() as patch:
        patch.setattr(Kernel, "figures", broken)
        with pytest.raises(ZeroDivisionError, match="in a worker"):
            go(tmp_path, executor=Local(1))
    assert_same(js.open_sweep(tmp_path).table, whole.iloc[:24])
    assert_same(go(tmp_path).table, whole)
