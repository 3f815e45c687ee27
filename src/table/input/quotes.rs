//! Quotes that are opened and never closed: from there on rows would be read as one cell.

use std::io::Read;

/// A delimited text on its way to its reader, which takes quotes in the same way but keeps what it finds to itself.
pub(super) struct Quotes<R> {
    from: R,
    delimiter: u8,
    state: State,
    /// The row that is gone through, from 1, and that in which the last quote was opened.
    row: u64,
    opened: u64,
    /// The last byte was a carriage return, which a line feed belongs to.
    returned: bool,
    /// The row in which a quote is opened that nothing closes.
    pub(super) unclosed: Option<u64>,
}

/// Where in a row the last byte stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the beginning of a cell.
    Beginning,
    /// In a cell without quotes, or behind those of one.
    Bare,
    /// Between quotes; whether over more than one line.
    Quoted(bool),
    /// Behind a quote that closes the cell, unless another follows.
    Closing(bool),
}

impl<R> Quotes<R> {
    pub(super) fn new(from: R, delimiter: u8) -> Self {
        Self { from, delimiter, state: State::Beginning, row: 1, opened: 1, returned: false, unclosed: None }
    }

    fn pass(&mut self, byte: u8) {
        let ends_line = byte == b'\r' || byte == b'\n';
        self.state = match (self.state, byte) {
            (State::Beginning, b'"') => {
                self.opened = self.row;
                State::Quoted(false)
            }
            (State::Quoted(lines), b'"') => State::Closing(lines),
            (State::Quoted(lines), _) => State::Quoted(lines || ends_line),
            (State::Closing(lines), b'"') => State::Quoted(lines),
            (_, byte) if ends_line || byte == self.delimiter => State::Beginning,
            // What was taken for the end of the cell is the beginning of another: a quote is missing in between.
            (State::Closing(true), _) => {
                self.unclosed.get_or_insert(self.opened);
                State::Bare
            }
            _ => State::Bare,
        };
        if self.state == State::Beginning && ends_line && !(byte == b'\n' && self.returned) {
            self.row += 1;
        }
        self.returned = byte == b'\r';
    }
}

impl<R: Read> Read for Quotes<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.from.read(buffer)?;
        buffer[..read].iter().for_each(|&byte| self.pass(byte));
        if read == 0 && matches!(self.state, State::Quoted(_)) {
            self.unclosed.get_or_insert(self.opened);
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unclosed(text: &str) -> Option<u64> {
        let mut quotes = Quotes::new(text.as_bytes(), b',');
        std::io::copy(&mut quotes, &mut std::io::sink()).unwrap();
        quotes.unclosed
    }

    #[test]
    fn the_row_is_named_in_which_a_quote_stays_open() {
        for text in ["编号,名称\n1,\"软件开发\n2,保洁\n3,客服\n", "a,b\r\n1,\"x\r\n2,\"y\"\r\n", "a\n\"x\"\"\n"]
        {
            assert_eq!(unclosed(text), Some(2), "{text}");
        }
        assert_eq!(unclosed("a\n\"x\ny\"\n\n\"z"), Some(4));
        assert_eq!(unclosed("a,b\n1,\"x\n2,y\n3,\"z\n4,w\n"), Some(2));
    }

    #[test]
    fn quotes_that_mean_something_else_are_left_alone() {
        for text in
            ["a\n5\" 钢管\n", "a,b\n\"x\ny\",\"\"\n", "a\n\"十四五\"规划\n", "a\n\"他说\"\"好\"\"\n走\"", "", "\"x\""]
        {
            assert_eq!(unclosed(text), None, "{text}");
        }
    }
}
