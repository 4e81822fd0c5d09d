"""How components are deployed: a folder for each driver, registered in `registry`."""
