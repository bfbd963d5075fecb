//! Disks, inodes, descriptors, memory and processes that run out.
