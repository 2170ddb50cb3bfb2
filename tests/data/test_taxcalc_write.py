"""Writing Tax-Calculator's input format: what is written is read back."""

from __future__ import annotations

import numpy as np

import jaxsim as js
from benchmarks.units import generate
from jaxsim.data.taxcalc import read_taxcalc
from jaxsim.data.taxcalc_columns import GAIN_GROUPS, KNOWN
from jaxsim.data.taxcalc_write import KNOWN_INPUTS, to_taxcalc


def test_what_is_written_is_read_back() -> None:
    persons = generate(300, seed=1, year=2025, inputs=KNOWN_INPUTS)
    made = js.Population.from_persons(persons, year=2025)
    frame = to_taxcalc(made)
    assert set(frame.columns) <= KNOWN
    read = read_taxcalc(frame, 2025)
    filers_made, filers_read = (np.concatenate(p.filers[:2])[None].ravel() for p in (made, read))
    assert np.array_equal(filers_made >= 0, filers_read >= 0)
    for name in sorted(KNOWN_INPUTS):
        entity = "person" if name in made.tables["person"] else "tax_unit"
        before, after = made.tables[entity][name], read.tables[entity][name]
        if entity == "person":
            before, after = (t[f[f >= 0]] for t, f in ((before, filers_made), (after, filers_read)))
        if name == "eitc_qualifying_children":
            before = np.minimum(before, 3)
        if name == "amt_foreign_tax_credit":  # without one of its own the minimum tax takes the other
            before = np.where(before > 0, before, made.tables[entity]["reported_foreign_tax_credit"])
        if name in GAIN_GROUPS:  # the format has them net of losses
            continue
        np.testing.assert_allclose(after, before, err_msg=name)
    groups = ("gain_at_28_percent", "gain_at_25_percent")
    before, after = (js.Simulation(p, 2025, age=False).columns(*groups) for p in (made, read))
    for name in groups:
        assert before[name].any()
        np.testing.assert_allclose(after[name], before[name], err_msg=name)
    assert (read.weights == made.weights).all()
    assert not read.card["unused columns"]
