//! What a test left behind.
