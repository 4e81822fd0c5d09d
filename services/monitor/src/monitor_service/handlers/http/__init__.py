"""The page and the JSON API, as one Flask application."""
