"""Worked stories: money life told in dated steps, played through the services, to the cent."""
