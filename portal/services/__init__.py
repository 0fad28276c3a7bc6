"""What happens: one transaction a function. Stages never import one another; see `portal.hooks`."""
