"""Pages of layer 4: each form calls one service and ends in a redirect."""
