"""What a release is and who may end it. Pure: no AWS, no clock, no environment."""
