"""How it is done: AWS, processes, files."""
