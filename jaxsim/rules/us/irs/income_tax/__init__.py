"""Subtitle A, chapter 1: gross income, rates and taxes on individuals."""
