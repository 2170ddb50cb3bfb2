"""Writing Tax-Calculator's input format: what is written is read back."""

from __future__ import annotations

import numpy as np

import jaxsim as js
from benchmarks.units import generate
from jaxsim.data.taxcalc import read_taxcalc
from jaxsim.data.taxcalc_columns import KNOWN
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
        np.testing.assert_allclose(after, before, err_msg=name)
    assert (read.weights == made.weights).all()
    assert not read.card["unused columns"]
