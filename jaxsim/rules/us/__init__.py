"""Law of the United States."""

from __future__ import annotations

import functools

from jaxsim.engine import System, collect


@functools.cache
def system() -> System:
    """The US system: every rule found in this package, checked for names, entities and circles."""
    import jaxsim.rules.us as package
    from jaxsim.rules.us.entities import ENTITIES
    from jaxsim.rules.us.inputs import INPUTS

    return System("us", ENTITIES, INPUTS, collect(package))
