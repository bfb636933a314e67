"""Business Central: REST API v2.0, Entra ID. Facts: the project's Business Central page."""
