"""Searches (PS3.18 8.3.4 and 10.6): what is asked for, and whether a row is an answer to it."""
