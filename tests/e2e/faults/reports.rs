//! Reports of runs that did not complete are never green.
