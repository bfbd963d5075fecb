//! One server from data directory to exit.
