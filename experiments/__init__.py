"""Plan, hold out, measure and value customer programs; numbers in, named results out."""
