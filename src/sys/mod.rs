//! The only `unsafe`.
