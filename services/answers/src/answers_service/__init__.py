"""The answers service: tells people at their forge what a flow came to."""
