"""Adjustments and deductions (26 USC 62, 63, 151, 163 to 170)."""
