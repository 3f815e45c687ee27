//! Accounts, sessions, keys, the audit log, backups.
