"""Layer 4: vendors, work orders, bills, owner approvals, vendor payments."""
