//! The connections of a script: the pool of them, the commands that open, choose, close and use them (spec §10).

pub mod pool;
