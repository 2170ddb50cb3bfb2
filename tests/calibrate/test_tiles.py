"""Tiles: products equal those of scipy, in any size, with empty rows and columns."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sparse

import jaxsim as js
from jaxsim.calibrate.tiles import PARTS, Tiles, fold, spread, tile
from jaxsim.errors import JaxsimError


def matrix_of(targets: int, households: int, density: float, seed: int = 0) -> sparse.csr_array:
    matrix = sparse.random_array((targets, households), density=density, rng=np.random.default_rng(seed)).tolil()
    matrix[0] = 0.0  # a target that nobody carries
    matrix[:, 1] = 0.0  # a household that carries none
    return sparse.csr_array(matrix)


@pytest.mark.parametrize(("targets", "households", "density", "size"), [
    (3, 5, 0.5, None), (20, 300, 0.1, None), (20, 300, 0.1, 16), (7, 129, 1.0, 64), (60, 4_000, 0.02, None),
])  # fmt: skip
def test_products_equal_scipy(targets: int, households: int, density: float, size: int | None) -> None:
    matrix = matrix_of(targets, households, density)
    rng = np.random.default_rng(1)
    weights, prices = rng.random(households), rng.normal(size=targets)
    with js.precision("float64"):
        tiles = tile(matrix, np.float64, size)
        rows = tiles.rows(weights)
        np.testing.assert_allclose(tiles.totals(rows), matrix @ weights, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(tiles.households(tiles.prices(jnp.asarray(prices))), matrix.T @ prices, atol=1e-12)
        gram = (matrix * weights) @ matrix.T
        np.testing.assert_allclose(tiles.gram(rows), gram.toarray(), rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(tiles.squared().totals(rows), gram.diagonal(), rtol=1e-11, atol=1e-12)
        np.testing.assert_array_equal(tiles.households(rows), weights)
        np.testing.assert_allclose(fold(rows), weights.sum())


def test_a_product_differentiates_as_its_transpose() -> None:
    matrix = matrix_of(20, 300, 0.1)
    tiles = tile(matrix, np.float32)
    slope = jax.grad(lambda w: tiles.totals(w)[3] + 2 * tiles.totals(w)[5])(tiles.rows(np.ones(300, np.float32)))
    expected = matrix[[3]].toarray()[0] + 2 * matrix[[5]].toarray()[0]
    np.testing.assert_allclose(tiles.households(slope), expected, rtol=1e-6)


def test_products_vmap() -> None:
    matrix = matrix_of(20, 300, 0.1)
    tiles = tile(matrix, np.float32)
    many = np.random.default_rng(2).random((3, 300)).astype(np.float32)
    found = jax.jit(jax.vmap(lambda w: tiles.totals(tiles.rows(w))))(many)
    np.testing.assert_allclose(found, many @ matrix.T.toarray(), rtol=1e-5)


def test_households_of_one_cell_stand_together() -> None:
    """A matrix of disjoint cells takes little more room than its entries, whatever the order of the households."""
    cell = np.random.default_rng(3).permutation(np.arange(4_096) % 64)
    rows = np.concatenate([cell * 8 + k for k in range(8)])
    matrix = sparse.csr_array((np.ones(rows.size), (rows, np.tile(np.arange(4_096), 8))), shape=(512, 4_096))
    tiles = tile(matrix, np.float32)
    assert tiles.entries < 1.3 * matrix.nnz


def test_bad_input() -> None:
    with pytest.raises(JaxsimError, match="nothing to tile"):
        tile(sparse.csr_array((0, 5)))
    with pytest.raises(JaxsimError, match=f"divides {PARTS}"):
        spread(np.zeros((PARTS, 2)), 3)
    with pytest.raises(JaxsimError, match="this machine has"):
        spread(np.zeros((PARTS, 2)), PARTS)


def test_tiles_are_a_pytree() -> None:
    tiles = tile(matrix_of(5, 40, 0.3), np.float32)
    doubled = jax.tree.map(lambda x: x * 2 if jnp.issubdtype(x.dtype, jnp.floating) else x, tiles)
    assert isinstance(doubled, Tiles)
    np.testing.assert_allclose(doubled.blocks[0], 2 * tiles.blocks[0])
