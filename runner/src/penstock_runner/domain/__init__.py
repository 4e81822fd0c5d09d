"""Jobs, leases and results. Pure: no AWS, no clock, no processes."""
