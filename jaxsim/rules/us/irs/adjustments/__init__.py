"""Deductions from gross income to adjusted gross income (26 USC 62)."""
