"""The portal, held to its rules: folders mirror the package, names are the rules."""
