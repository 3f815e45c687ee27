//! The API, asked as programs ask it.
