"""Uncertainty of outcomes: distributions of parameters and of weights carried through the law."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsim.errors import JaxsimError, whole_number
from jaxsim.figures import Figures
from jaxsim.measures import Measure, figures, finish, resolve, sums
from jaxsim.precision import precision
from jaxsim.residual import prepare
from jaxsim.sweep.plan import draws
from jaxsim.sweep.run import Work

if TYPE_CHECKING:
    import pandas as pd

    from jaxsim.simulation import Simulation


@dataclass(frozen=True)
class Uncertainty:
    """Distributions of outcomes from those of parameters and weights.

    Attributes:
        summary: by figure: value now; mean, standard deviation and quantiles of the draws; the standard deviation from
            parameters and from weights alone, and the one that derivatives would give for parameters.
        draws: one row a draw, one column a figure.
    """

    summary: pd.DataFrame
    draws: pd.DataFrame

    def __repr__(self) -> str:
        return self.summary.to_string()

    def _repr_html_(self) -> str:
        return self.summary.to_html()


def uncertainty(
    sim: Simulation,
    outcomes: Any,
    parameters: Mapping[Any, Any] | None = None,
    *,
    weights: str | np.ndarray | None = None,
    n: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> Uncertainty:
    """What is not known of parameters and weights, carried over to outcomes.

    Args:
        sim: the simulation.
        outcomes: see `measures.resolve`.
        parameters: distributions of scipy.stats by path (or by a tuple of paths that move together).
        weights: "bootstrap" for households drawn anew, keyed by seed and household id; or replicate weights
            [replicates, households]; None for no uncertainty of weights. The standard deviation is that of the
            replicates as they are: designs such as BRR or successive differences need a factor of their own.
        n: draws.
        seed: of the draws.
        level: of the interval between the quantiles.

    Parameters and weights are taken as independent and their effects are added, without their interaction.
    """
    import pandas as pd

    measures = resolve(sim, outcomes)
    if not parameters and weights is None:
        raise JaxsimError("give distributions of parameters, replicate weights, or both")
    whole_number("n", n, 2)
    if not 0 < level < 1:
        raise JaxsimError(f"level={level!r}: give a share of the draws, e.g. 0.95")
    sim = sim if sim.precision == "float64" else sim._copy(precision="float64")
    names = [name for m in measures for name in m.names]
    now = Work(sim, measures, ())(np.zeros((1, 0)))[0]
    by_law, by_weight, linear = np.zeros((n, len(names))), np.zeros((n, len(names))), np.full(len(names), np.nan)
    if parameters:
        plan = draws(parameters, n, seed)
        cells, values = plan.table(sim.law)
        by_law = Work(sim, measures, tuple(cells), laws=n)(values) - now
        groups = [key if isinstance(key, tuple) else (key,) for key in parameters]
        middle = np.array([law.mean() for law in parameters.values()])
        slopes = Figures(sim, measures, groups).jacobian(middle, sim.widths(True))[1]
        linear = np.sqrt((slopes**2) @ np.array([law.var() for law in parameters.values()]))
    if weights is not None:
        if isinstance(weights, str) and weights != "bootstrap":
            raise JaxsimError(f"weights={weights!r}: use 'bootstrap' or replicate weights [replicates, households]")
        factors = _bootstrap(sim, n, seed) if isinstance(weights, str) else _replicates(sim, weights)
        found = _reweighted(sim, measures, factors) - now
        by_weight = found[np.arange(n) % len(found)]
    drawn = now + by_law + by_weight
    tail = (1 - level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    summary = pd.DataFrame(
        {"now": now, "mean": drawn.mean(0), "standard deviation": drawn.std(0, ddof=1), f"{tail:.3g} quantile": low,
         f"{1 - tail:.3g} quantile": high, "from parameters": by_law.std(0, ddof=1),
         "from weights": by_weight.std(0, ddof=1), "from parameters, by derivatives": linear},
        index=pd.Index(names, name="outcome"),
    )  # fmt: skip
    return Uncertainty(summary, pd.DataFrame(drawn, columns=names, index=pd.RangeIndex(n, name="draw")))


def _bootstrap(sim: Simulation, n: int, seed: int) -> np.ndarray:
    """How often each household is drawn, [replicates, households]: Poisson counts keyed by its id."""
    ids = jnp.asarray(np.asarray(sim.population.tables["household"]["household_id"]).astype(np.uint32))
    keys = jax.vmap(lambda i: jax.random.fold_in(jax.random.key(seed), i))(ids)
    counts = jax.vmap(lambda key: jax.random.poisson(key, 1.0, (n,), dtype=np.int32))(keys)
    return np.asarray(counts, dtype=np.float64).T


def _replicates(sim: Simulation, weights: Any) -> np.ndarray:
    """Replicate weights as factors of the weights."""
    given, own = np.asarray(weights, dtype=np.float64), sim.population.weights
    if given.ndim != 2 or given.shape[1] != len(own) or not np.isfinite(given).all():
        raise JaxsimError(f"replicate weights need shape [replicates, {len(own)}], finite; found {given.shape}")
    return np.divide(given, own, out=np.zeros_like(given), where=own > 0)


def _reweighted(sim: Simulation, measures: tuple[Measure, ...], factors: np.ndarray) -> np.ndarray:
    """Figures [replicates, figures] under multiples of the weights, [replicates, households]."""
    if any(m.slopes for m in measures):
        raise JaxsimError("uncertainty of weights is not taken for derivatives: give other outcomes")
    system, parameters, block = prepare(sim, measures, (), 1)
    arrangement = sim.arrangement(1)
    with precision("float64"):
        added, kept = jax.jit(lambda p, b: sums(system, measures, p, b, lambda x: x))(parameters, block)
        whole = [_of_replicates(sim, m, columns, factors)
                 for m, columns in zip([m for m in measures if not m.additive], kept, strict=True)]  # fmt: skip
    entities = [m.entity for m in measures if m.additive for _ in range(len(m.names) + (m.over is not None))]
    amounts = [sim.map_to(arrangement.restore(e, x), e, "household") for e, x in zip(entities, added, strict=True)]
    reweighted = factors @ np.stack(amounts, axis=1) if amounts else np.zeros((len(factors), 0))
    return finish(measures, reweighted, whole)


def _of_replicates(sim: Simulation, m: Measure, columns: Any, factors: np.ndarray) -> np.ndarray:
    """Figures [replicates, figures] of a measure of whole columns."""
    arrangement = sim.arrangement(1)
    own = {name: jnp.asarray(arrangement.restore(m.entity, x)) for name, x in columns.items()}
    rows = jnp.asarray(np.stack([sim.map_to(f, "household", m.entity) for f in factors]))
    run = jax.jit(lambda own, rows: jax.lax.map(lambda f: figures(m, {**own, "weight": own["weight"] * f}), rows))
    return np.asarray(run(own, rows))
