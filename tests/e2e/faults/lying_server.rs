//! Servers that answer slowly, endlessly or not at all.
