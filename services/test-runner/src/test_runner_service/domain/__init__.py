"""What a test run is and when it has passed. Pure: no AWS, no clock, no environment."""
