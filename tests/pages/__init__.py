"""The pages, each rule by its name."""
