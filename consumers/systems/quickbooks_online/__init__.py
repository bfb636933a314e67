"""QuickBooks Online: REST API v3, OAuth 2. Facts: the project's QuickBooks reference page."""
