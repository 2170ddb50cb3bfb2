"""Social Security: old-age benefits of a million full careers, their gradient by every parameter, and lifetimes.

    python benchmarks/oasdi.py

Random careers from 21 to the claim, born 1930 to 1954, claimed from 62 to 70; the benefit of December 2025. Lifetimes:
present values of contributions and of the benefits of all 97 months of claim, from 62 to 120, with the earnings test.
Medians of three runs after compilation, one process; arrays are made before. Prints Markdown for BENCHMARKS.md.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from speed import heading, row

import jaxsim as js
from jaxsim.dynamic.oasdi import (
    CLAIM_AGES,
    NEVER,
    Valuation,
    Workers,
    benefits_by_claim,
    contribution_rate,
    lifetime_values,
    load_mortality,
    oasdi_law,
    retirement,
    worker_benefits,
)

BLOCK = 256
"""Workers at a time: their careers then stay in a core's cache."""
AS_OF = 12 * 2025 + 11
YEARS = 2025 - 1937 + 1


def careers(count: int, dtype: Any) -> Workers:
    """Workers in blocks [blocks, block], earnings [blocks, block, years]."""
    rng = np.random.default_rng(0)
    born = rng.integers(12 * 1930, 12 * 1955, count)
    claim = np.minimum(born + rng.integers(745, 841, count), AS_OF)
    wages = np.asarray(oasdi_law(2025).wage_index)
    year = np.arange(1937, 2026)
    level = rng.lognormal(-0.3, 0.7, (count, 1)).astype(dtype)
    noise = rng.lognormal(0, 0.3, (count, YEARS)).astype(dtype)
    works = (year >= born[:, None] // 12 + 21) & (year < claim[:, None] // 12)
    earnings = np.round(level * noise * wages.astype(dtype) * works, 2).astype(dtype)

    def each(value: Any) -> np.ndarray:
        return np.broadcast_to(np.asarray(value, np.int32), count)

    w = Workers(
        born=each(born), whole_month=each(0), kind=each(0), entitlement=each(claim), as_of=each(AS_OF),
        onset=each(NEVER), onset_first=each(0), death=each(NEVER), quarters=np.full(count, -1, dtype),
        earnings=earnings,
    )  # fmt: skip
    blocks = count // BLOCK
    return jax.tree.map(lambda x: x[: blocks * BLOCK].reshape(blocks, BLOCK, *x.shape[1:]), w)


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of the first call, and the median of three later ones."""
    began = time.perf_counter()
    work()
    first = time.perf_counter() - began
    later = []
    for _ in range(3):
        began = time.perf_counter()
        work()
        later.append(time.perf_counter() - began)
    return first, statistics.median(later)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=1_000_000)
    parser.add_argument("--lives", type=int, default=20_480, help="workers whose lifetimes are valued")
    given = parser.parse_args()
    heading(f"{given.workers:,} workers", "first call, s", "again, s", "two threads, s", "peak memory, GB")
    for name, exact, gradient in (
        ("float64, exact", True, False),
        ("float64, smooth", False, False),
        ("float32, smooth", False, False),
        ("float64, smooth, with gradient", False, True),
        ("float32, smooth, with gradient", False, True),
    ):
        precision = name[:7]
        with js.precision(precision):
            w = careers(given.workers, np.dtype(precision))
            p = jax.tree.map(lambda leaf, of=precision: jnp.asarray(leaf, of), oasdi_law(2025))

            def total(p: Any, w: Workers, exact: bool = exact) -> jax.Array:
                body = jax.checkpoint(
                    lambda block: jnp.sum(worker_benefits(block, p, exact).benefit), prevent_cse=False
                )
                return jnp.sum(jax.lax.map(body, w))

            compiled = jax.jit(jax.value_and_grad(total) if gradient else total)
            whole = jax.tree.map(jnp.asarray, w)
            middle = whole.born.shape[0] // 2
            halves = [jax.tree.map(lambda x, s=s: x[s], whole) for s in (slice(0, middle), slice(middle, 2 * middle))]

            def run(part: Any, compiled: Any = compiled, p: Any = p, precision: str = precision) -> None:
                with js.precision(precision):
                    jax.block_until_ready(compiled(p, part))

            first, again = timed(lambda whole=whole: run(whole))
            with ThreadPoolExecutor(2) as pool:
                _, both = timed(lambda pool=pool, halves=halves: list(pool.map(run, halves)))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            row(name, f"{first:.2f}", f"{again:.2f}", f"{both:.2f}", f"{peak:.1f}")
    print()
    lifetimes(given.lives)


def lifetimes(count: int) -> None:
    heading(f"lifetimes of {count:,} workers, all claims", "first call, s", "again, s", "a second")
    for name, exact in (("float64, exact", True), ("float32, smooth", False)):
        precision = name[:7]
        with js.precision(precision):
            w = jax.tree.map(jnp.asarray, careers(count, np.dtype(precision)))
            p = jax.tree.map(lambda leaf, of=precision: jnp.asarray(leaf, of), oasdi_law())
            deaths = load_mortality()
            deaths = deaths._replace(death=jnp.asarray(deaths.death, precision))

            def value(p: Any, w: Workers, exact: bool = exact, deaths: Any = deaths) -> jax.Array:
                def of_block(block: Workers) -> jax.Array:
                    sex = block.born % 2
                    v = Valuation(
                        deaths, sex, block.born + 744, jnp.asarray(0.023, p.wage_index.dtype), contribution_rate(p)
                    )
                    of = retirement(block, p, exact)
                    best = jnp.nanmax(benefits_by_claim(block, v, p, jnp.asarray(CLAIM_AGES), exact, of=of), axis=0)
                    return jnp.sum(best) + jnp.sum(lifetime_values(block, v, p, exact, of=of).contributions)

                return jnp.sum(jax.lax.map(of_block, w))

            compiled = jax.jit(value)

            def run(compiled: Any = compiled, p: Any = p, w: Any = w, precision: str = precision) -> None:
                with js.precision(precision):
                    jax.block_until_ready(compiled(p, w))

            first, again = timed(run)
            row(name, f"{first:.2f}", f"{again:.2f}", f"{count / again:,.0f}")


if __name__ == "__main__":
    main()
