"""Layer 5: management fees and the company's revenue."""
