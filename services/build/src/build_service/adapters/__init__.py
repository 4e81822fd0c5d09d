"""Implements the ports of the domain on git, forges and AWS."""
