//! Deciding: one reader, two readers, an adjudicator; cases.
