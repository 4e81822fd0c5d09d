"""Implements the ports of the domain on AWS."""
