"""The frame around the portal: settings, URLs, middleware and error pages."""
