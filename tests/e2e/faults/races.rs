//! Two runs at once, and files that change while they are used.
