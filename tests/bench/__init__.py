"""Our path beside the bare floor, the usual way and the database's own limit, in one run, as ratios."""
