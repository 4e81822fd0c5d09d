"""The page and its JSON API, as one Flask application: a folder for each area of it."""
