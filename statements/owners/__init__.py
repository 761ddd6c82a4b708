"""Owner statements: what was held for an owner, what came and went, and what was paid out."""
