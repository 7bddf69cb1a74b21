"""`trivet connect`: creates or repairs the webhooks of a platform, and shows that a delivery arrives."""
