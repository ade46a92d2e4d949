//! A place in a text, and the steps from it that every production is made of.

use crate::{Error, ErrorKind, grammar::ast::Column};

/// How deep parentheses, functions, quantifiers and `$expand` may nest.
pub const MAX_DEPTH: usize = 100;

/// How many nodes (operators, operands, path segments, list items) one query option may have.
pub const MAX_NODES: usize = 1000;

/// A place in the value of a query option.
pub(super) struct Cursor<'a> {
    /// The option, for errors.
    option: &'static str,
    place: Place<'a>,
    depth: usize,
    nodes: usize,
}

/// A place to which a cursor may go back.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    rest: &'a str,
    /// Characters before the place, and one.
    column: usize,
}

impl<'a> Cursor<'a> {
    /// The beginning of an option's decoded value.
    pub(super) fn new(option: &'static str, text: &'a str) -> Self {
        Self {
            option,
            place: Place {
                rest: text,
                column: 1,
            },
            depth: 0,
            nodes: 0,
        }
    }

    /// What is not read yet.
    pub(super) fn rest(&self) -> &'a str {
        self.place.rest
    }

    /// Where the cursor stands.
    pub(super) fn column(&self) -> Column {
        Column(self.place.column)
    }

    /// Where the cursor stands, to come back to.
    pub(super) fn place(&self) -> Place<'a> {
        self.place
    }

    /// Goes back.
    pub(super) fn back_to(&mut self, place: Place<'a>) {
        self.place = place;
    }

    /// The next character.
    pub(super) fn peek(&self) -> Option<char> {
        self.place.rest.chars().next()
    }

    /// Takes the next character.
    pub(super) fn bump(&mut self) -> Option<char> {
        let mut chars = self.place.rest.chars();
        let next = chars.next()?;
        self.place.rest = chars.as_str();
        self.place.column += 1;
        Some(next)
    }

    /// Takes the next character where it is this one.
    pub(super) fn eat(&mut self, wanted: char) -> bool {
        let here = self.peek() == Some(wanted);
        if here {
            self.bump();
        }
        here
    }

    /// Takes the longest run of such characters.
    pub(super) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.place.rest;
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        let (taken, rest) = rest.split_at(end);
        self.place.rest = rest;
        self.place.column += taken.chars().count();
        taken
    }

    /// ABNF `BWS`: blanks that may be there.
    pub(super) fn blanks(&mut self) {
        self.take_while(is_blank);
    }

    /// Takes one word in any case; a longer word that begins with it is another word.
    pub(super) fn keyword(&mut self, wanted: &str) -> bool {
        let place = self.place;
        let here = self.take_while(is_name_char).eq_ignore_ascii_case(wanted);
        if !here {
            self.place = place;
        }
        here
    }

    /// ABNF `odataIdentifier`: a letter or `_`, then letters, digits and `_`, at most 128.
    pub(super) fn odata_identifier(&mut self, what: &str) -> Result<&'a str, Error> {
        let column = self.column();
        if !self.peek().is_some_and(is_name_start) {
            return Err(self.unexpected(what));
        }
        let name = self.take_while(is_name_char);
        if name.chars().count() > 128 {
            let message = "A name has at most 128 characters";
            return Err(self.error(ErrorKind::Syntax, column, message));
        }
        Ok(name)
    }

    /// An identifier, or several with dots between (`microsoft.graph.runState`).
    pub(super) fn qualified_name(&mut self, what: &str) -> Result<&'a str, Error> {
        let start = self.place.rest;
        self.odata_identifier(what)?;
        while self.eat('.') {
            self.odata_identifier("a name after the dot")?;
        }
        let taken = start.len() - self.place.rest.len();
        Ok(start.get(..taken).unwrap_or_default())
    }

    /// Takes a character that has to come next, blanks before it aside.
    pub(super) fn expect(&mut self, wanted: char) -> Result<(), Error> {
        self.blanks();
        if self.eat(wanted) {
            return Ok(());
        }
        Err(self.unexpected(&format!("'{wanted}'")))
    }

    /// One thing or several with commas between, blanks around each aside.
    pub(super) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut items = Vec::new();
        loop {
            self.blanks();
            items.push(item(self)?);
            self.blanks();
            if !self.eat(',') {
                return Ok(items);
            }
        }
    }

    /// Nothing but blanks may follow; `or_else` names what else could have, if anything.
    pub(super) fn end(&mut self, or_else: &str) -> Result<(), Error> {
        self.blanks();
        if self.place.rest.is_empty() {
            return Ok(());
        }
        match or_else {
            "" => Err(self.unexpected("the end")),
            or_else => Err(self.unexpected(&format!("{or_else} or the end"))),
        }
    }

    /// Counts a node that begins at `column`.
    pub(super) fn node(&mut self, column: Column) -> Result<(), Error> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let message = format!("More than {MAX_NODES} operators and operands");
            return Err(self.error(ErrorKind::TooComplex, column, message));
        }
        Ok(())
    }

    /// Reads what is nested one level deeper.
    pub(super) fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.depth == MAX_DEPTH {
            let message = format!("Nested more than {MAX_DEPTH} deep");
            return Err(self.error(ErrorKind::TooComplex, self.column(), message));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// A fault at `column`.
    pub(super) fn error(
        &self,
        kind: ErrorKind,
        column: Column,
        message: impl Into<String>,
    ) -> Error {
        Error::new(kind, self.option, column.0, message)
    }

    /// The fault that something else stands here than `expected`.
    pub(super) fn unexpected(&self, expected: &str) -> Error {
        let mut found: String = self
            .rest()
            .chars()
            .take_while(|c| is_name_char(*c))
            .take(32)
            .collect();
        if found.is_empty() {
            found.extend(self.peek());
        }
        let found = if found.is_empty() {
            "the end".to_owned()
        } else {
            format!("'{found}'")
        };
        let message = format!("Expected {expected}, found {found}");
        self.error(ErrorKind::Syntax, self.column(), message)
    }
}

/// ABNF `SP` and `HTAB`.
pub(super) fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

/// What a name begins with.
pub(super) fn is_name_start(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

/// What a name goes on with.
pub(super) fn is_name_char(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}
