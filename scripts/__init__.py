"""What `make` calls: prepare a machine, run the site, check the code."""
