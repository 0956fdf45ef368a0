"""Journeys of people through the site, in a real browser against a real server."""
