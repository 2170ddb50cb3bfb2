"""Lifetimes: earnings over a life, Social Security benefits from them, and projections of a population."""

from jaxsim.dynamic import oasdi

__all__ = ["oasdi"]
