"""Itemized deductions (26 USC 63(d), 67, 68, 163 to 170, 213)."""
