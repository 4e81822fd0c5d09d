"""What a build is and how a plan is made. Pure: no AWS, no clock, no environment."""
