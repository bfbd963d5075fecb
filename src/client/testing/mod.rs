//! What the client is tested with: a server that is played, any bytes from it, and another client.

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub mod fake;
pub mod fuzz;
#[cfg(feature = "oracle")]
pub mod oracle;
