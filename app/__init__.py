"""The service: people, pages, API and command line over the library."""
