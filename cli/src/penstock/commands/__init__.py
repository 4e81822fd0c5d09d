"""One module per subcommand; `penstock.app` registers them."""
