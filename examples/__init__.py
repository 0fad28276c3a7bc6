"""Programs outside the portal: they speak its public API and webhooks and import nothing of it."""
