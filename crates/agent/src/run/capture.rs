//! What a script writes, kept in bounded memory: its head and its tail.

use std::collections::VecDeque;

/// How much of a stream is kept, in bytes: half of it from the beginning, half from the end.
const LIMIT: usize = 256 * 1024;

/// A stream as it comes.
#[derive(Debug)]
pub(crate) struct Capture {
    half: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total: u64,
}

impl Capture {
    /// Keeps [`LIMIT`] bytes.
    pub(crate) fn new() -> Self {
        Self::of(LIMIT)
    }

    fn of(limit: usize) -> Self {
        Self {
            half: limit / 2,
            head: Vec::new(),
            tail: VecDeque::new(),
            total: 0,
        }
    }

    /// Takes what has come.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.total = self
            .total
            .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let room = self.half.saturating_sub(self.head.len()).min(bytes.len());
        let (head, rest) = bytes.split_at(room);
        self.head.extend_from_slice(head);
        // Of much at once only the end can stay.
        let rest = rest
            .get(rest.len().saturating_sub(self.half)..)
            .unwrap_or_default();
        let surplus = (self.tail.len() + rest.len()).saturating_sub(self.half);
        self.tail.drain(..surplus);
        self.tail.extend(rest);
    }

    /// How many bytes were left out.
    pub(crate) fn left_out(&self) -> u64 {
        let kept = u64::try_from(self.head.len() + self.tail.len()).unwrap_or(u64::MAX);
        self.total.saturating_sub(kept)
    }

    /// What was kept, as text; where something was left out, a line says so. What is not UTF-8, and
    /// U+0000, which not every store can keep, become U+FFFD.
    pub(crate) fn text(&self) -> String {
        let (first, second) = self.tail.as_slices();
        let tail = [first, second].concat();
        let text = match self.left_out() {
            0 => String::from_utf8_lossy(&[self.head.as_slice(), &tail].concat()).into_owned(),
            count => format!(
                "{}\n[… {count} bytes left out …]\n{}",
                String::from_utf8_lossy(&self.head),
                String::from_utf8_lossy(&tail)
            ),
        };
        text.replace('\0', "\u{fffd}")
    }
}

/// How many characters of a text a run state shows.
pub(crate) const SHOWN: usize = 2048;

/// A text shortened to [`SHOWN`] characters, its head and its tail.
pub(crate) fn shortened(text: &str) -> String {
    let text = text.trim_end();
    let count = text.chars().count();
    if count <= SHOWN {
        return text.to_owned();
    }
    let mark = "\n[…]\n";
    let half = (SHOWN - mark.chars().count()) / 2;
    let head: String = text.chars().take(half).collect();
    let tail: String = text.chars().skip(count - half).collect();
    format!("{head}{mark}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_kept_whole() {
        let mut capture = Capture::of(8);
        for piece in ["ab", "cde", "fgh"] {
            capture.push(piece.as_bytes());
        }
        assert_eq!(
            (capture.text().as_str(), capture.left_out()),
            ("abcdefgh", 0)
        );
    }

    #[test]
    fn of_more_the_head_and_the_tail_are_kept_and_the_rest_is_counted() {
        for pieces in [
            vec!["abcdefghijkl"],
            vec!["abcde", "fghi", "jkl"],
            vec!["a"; 0],
        ] {
            let mut capture = Capture::of(8);
            pieces
                .iter()
                .for_each(|piece| capture.push(piece.as_bytes()));
            if !pieces.is_empty() {
                assert_eq!(capture.text(), "abcd\n[… 4 bytes left out …]\nijkl");
            }
        }
    }

    #[test]
    fn what_is_no_text_is_replaced() {
        let mut capture = Capture::of(100);
        capture.push(b"a\0b\xff");
        assert_eq!(capture.text(), "a\u{fffd}b\u{fffd}");
    }

    #[test]
    fn a_long_text_is_shortened_to_what_is_shown() {
        assert_eq!(shortened("42\n"), "42");
        let long = shortened(&"ä".repeat(5000));
        assert!(
            long.chars().count() <= SHOWN && long.contains("[…]"),
            "{}",
            long.len()
        );
    }
}
