//! A test for each line of the threat model (docs/security.md).
