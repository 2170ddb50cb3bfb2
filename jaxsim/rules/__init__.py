"""Law by country. A country is a system: entities, inputs, parameters, rules."""
