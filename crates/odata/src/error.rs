//! What can be wrong with a piece of query text, and where.

/// Why a query option, path or literal was refused; the position is counted in characters from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What kind of fault it is.
    pub kind: ErrorKind,
    /// The query option it stands in (`$filter`, `$orderby`, …); empty for a path or a literal.
    pub option: String,
    /// The column, in characters from 1, within that option's value; 0 where the whole is meant.
    pub column: usize,
    /// One sentence for the client, without the position.
    pub message: String,
}

/// The kinds of fault, which a server may answer differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The text does not follow the grammar.
    Syntax,
    /// A name that the schema does not have.
    UnknownName,
    /// Operands whose types do not go together, or a literal of the wrong type.
    Type,
    /// Right by the grammar, but not served here.
    Unsupported,
    /// Deeper, longer or costlier than is allowed.
    TooComplex,
}

/// How many characters of a message are kept.
const LONGEST: usize = 400;

/// The text, cut where it is too long.
fn shortened(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push('…');
    }
    text
}

impl Error {
    /// A fault in `option` at `column` (characters from 1; 0 for the whole). Option and message are
    /// cut at 400 characters, since they may quote what a client sent.
    pub fn new(
        kind: ErrorKind,
        option: impl Into<String>,
        column: usize,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            option: shortened(option.into()),
            column,
            message: shortened(message.into()),
        }
    }

    /// The sentence for the client: the message, then where it points.
    pub fn describe(&self) -> String {
        match (self.option.is_empty(), self.column) {
            (true, 0) => self.message.clone(),
            (true, column) => format!("{} (column {column})", self.message),
            (false, 0) => format!("{} ({})", self.message, self.option),
            (false, column) => format!("{} ({}, column {column})", self.message, self.option),
        }
    }
}
