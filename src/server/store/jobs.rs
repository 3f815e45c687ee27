//! Uploaded tables, their rows and their texts.
