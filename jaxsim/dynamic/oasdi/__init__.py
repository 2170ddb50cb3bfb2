"""Old-age, survivors and disability insurance: the law by year and the benefits that follow from lifetime earnings.

found = js.dynamic.oasdi.benefits("workers.csv", "earnings.csv", "family.csv")
found.workers                                      # aime, pia, family_maximum, months, factor, benefit, insured
js.dynamic.oasdi.lifetime("workers.csv", "earnings.csv").plot()       # present values by month of claim

Beneath it are pure functions of arrays, for derivatives: `worker_benefits`, `family_benefits`, `lifetime_values`.
"""

from jaxsim.dynamic.oasdi.benefits import Benefits, benefits, read
from jaxsim.dynamic.oasdi.careers import KINDS, NEVER, Workers
from jaxsim.dynamic.oasdi.disability_work import DisabilityWork, disability_work
from jaxsim.dynamic.oasdi.earnings_test import WorkDeductions, work_deductions
from jaxsim.dynamic.oasdi.family import RELATIONS, MemberBenefit, Members, family_benefits
from jaxsim.dynamic.oasdi.insured import Insured, insured
from jaxsim.dynamic.oasdi.law import oasdi_law
from jaxsim.dynamic.oasdi.lifetime import Lifetimes, lifetime
from jaxsim.dynamic.oasdi.mortality import Mortality, alive, load_mortality
from jaxsim.dynamic.oasdi.retirement import Retirement, paid, retirement
from jaxsim.dynamic.oasdi.worker import WorkerBenefit, worker_benefits
from jaxsim.dynamic.oasdi.worth import (
    CLAIM_AGES,
    LifetimeValue,
    Valuation,
    benefits_by_claim,
    contribution_rate,
    lifetime_values,
)

__all__ = [
    "CLAIM_AGES",
    "KINDS",
    "NEVER",
    "RELATIONS",
    "Benefits",
    "DisabilityWork",
    "Insured",
    "LifetimeValue",
    "Lifetimes",
    "MemberBenefit",
    "Members",
    "Mortality",
    "Retirement",
    "Valuation",
    "WorkDeductions",
    "WorkerBenefit",
    "Workers",
    "alive",
    "benefits",
    "benefits_by_claim",
    "contribution_rate",
    "disability_work",
    "family_benefits",
    "insured",
    "lifetime",
    "lifetime_values",
    "load_mortality",
    "oasdi_law",
    "paid",
    "read",
    "retirement",
    "work_deductions",
    "worker_benefits",
]
