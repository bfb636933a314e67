"""What has been done, what waits, what must still be told: durable and shared with a standby."""
