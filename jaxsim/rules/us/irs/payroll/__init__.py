"""Payroll and self-employment taxes (26 USC 1401, 3101, 3111)."""
