"""What a job, its lease and its end are. Pure: no AWS, no clock, no processes."""
