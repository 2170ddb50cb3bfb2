"""Law of the United States."""

from __future__ import annotations

import functools

from jaxsim.engine import System, collect


@functools.cache
def system(tables: bool = False) -> System:
    """The US system: every rule found in this package, checked for names, entities and circles.

    Args:
        tables: tax and earned income credit as the tables of the forms give them, in steps of income and whole dollars.
    """
    import jaxsim.rules.us as package
    from jaxsim.rules.us.entities import ENTITIES
    from jaxsim.rules.us.inputs import INPUTS

    if tables:
        return system().with_rules(*collect(package, option="tables"))
    return System("us", ENTITIES, INPUTS, collect(package))
