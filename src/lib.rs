//! The segmentd daemon.
