"""Gifts to charity (26 USC 170). All are taken to go to public charities; excess gifts are not carried forward."""

from jaxsim.engine import rule
from jaxsim.numerics import higher_of, lower_of, relu
from jaxsim.rules.us.entities import TaxUnit


@rule(TaxUnit, parameters="irs.deductions.itemized.charity", reference="26 USC 170(b)(1)(A), (C), (G) and (I)")
def charitable_deduction(cash_charity, noncash_charity, capital_gain_property_gifts, adjusted_gross_income, p):
    """Gifts within shares of adjusted gross income, less a floor taken from what these allow."""
    base = relu(adjusted_gross_income)
    cash = lower_of(cash_charity, p.ceiling_rate * base)
    # (G)(iii)(II): the ceiling of other gifts is lowered by the cash allowed; (C)(i): property with gain comes last
    room = relu(p.noncash_ceiling_rate * base - cash)
    property_with_gain = lower_of(capital_gain_property_gifts, noncash_charity)  # it is a part of them
    ordinary = lower_of(noncash_charity - property_with_gain, room)
    with_gain = lower_of(property_with_gain, lower_of(room - ordinary, p.capital_gain_ceiling_rate * base))
    # (I): the floor is under gifts "otherwise allowable"; its order matters only for what is carried forward
    return higher_of(cash + ordinary + with_gain - p.floor_rate * base, 0.0)
