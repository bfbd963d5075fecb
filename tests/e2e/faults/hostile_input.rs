//! Input that is too large, of the wrong kind, or made to mislead.
