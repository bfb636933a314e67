"""The accounting systems: one folder each, none knows another. See ADDING.md."""
