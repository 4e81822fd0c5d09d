"""The demo: runs the whole product on a real project and checks every step."""
