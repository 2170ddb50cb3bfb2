"""Credits against tax (26 USC 21 to 36C)."""
