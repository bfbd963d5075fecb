//! What goes over the wire: streams, packets, columns and values, and the errors of both sides.

pub mod binary;
pub mod capabilities;
pub mod channel;
pub mod column;
pub mod compress;
pub mod convert;
pub mod error;
pub mod options;
pub mod packet;
pub mod reply;
pub mod stream;
pub mod text;
