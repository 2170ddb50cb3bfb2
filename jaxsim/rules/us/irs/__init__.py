"""Internal Revenue Code (26 USC)."""
