"""The command-line door: what runs the portal, its worker and its demo."""
