//! The environment of servers and scripts (spec §9.3).
