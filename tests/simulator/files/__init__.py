"""The files that the outside world sends, written from what happened (`tests.simulator.life`)."""
