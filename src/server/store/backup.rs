//! A copy of the data file while it is in use, and the way back.
