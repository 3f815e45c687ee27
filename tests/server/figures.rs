//! The code book and the figures.
