"""Layer 3: security deposits and escrow."""
