"""Old-age, survivors and disability insurance: the law by year and the benefits that follow from lifetime earnings.

found = js.dynamic.oasdi.benefits("workers.csv", "earnings.csv", "family.csv")
found.workers                                      # aime, pia, family_maximum, months, factor, benefit, insured
js.dynamic.oasdi.lifetime("workers.csv", "earnings.csv").plot()       # present values by month of claim

Beneath it are pure functions of arrays, for derivatives: `worker_benefits` and `family_benefits`.
"""

from jaxsim.dynamic.oasdi.benefits import Benefits, benefits
from jaxsim.dynamic.oasdi.careers import KINDS, NEVER, Workers
from jaxsim.dynamic.oasdi.family import RELATIONS, MemberBenefit, Members, family_benefits
from jaxsim.dynamic.oasdi.insured import Insured, insured
from jaxsim.dynamic.oasdi.law import oasdi_law
from jaxsim.dynamic.oasdi.lifetime import Lifetimes, lifetime
from jaxsim.dynamic.oasdi.worker import WorkerBenefit, worker_benefits

__all__ = [
    "KINDS",
    "NEVER",
    "RELATIONS",
    "Benefits",
    "Insured",
    "Lifetimes",
    "MemberBenefit",
    "Members",
    "WorkerBenefit",
    "Workers",
    "benefits",
    "family_benefits",
    "insured",
    "lifetime",
    "oasdi_law",
    "worker_benefits",
]
