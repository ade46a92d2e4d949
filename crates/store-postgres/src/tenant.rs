//! One tenant's part of the tables.
//!
//! The statements that all backends share find rows by ids that are unique, whosever they are. Here the
//! tenant leads every key, so that all that a tenant has can be on one machine of several (Citus); a
//! statement has to say whose rows it means, of each table that it names. It does not say so itself: in a
//! transaction of one tenant's data, [`of_tenant`] puts it in. No statement can forget it, and none can
//! reach another tenant's rows, whatever ids it is given.
//!
//! | a statement says | and is run as |
//! |---|---|
//! | `FROM script AS s`, `JOIN script` | `FROM (SELECT * FROM script WHERE tenant_id = $3) AS s` |
//! | `UPDATE`, `DELETE FROM script … WHERE a OR b` | `… WHERE script.tenant_id = $3 AND (a OR b)` |
//! | `INSERT INTO run (id) VALUES (?1)` | `INSERT INTO run (tenant_id, id) VALUES ($3, ?1)` |
//! | `INSERT INTO run (id) SELECT pk …` | `INSERT INTO run (tenant_id, id) SELECT $3::text, pk …` |
//! | `ON CONFLICT (id)` | `ON CONFLICT (tenant_id, id)` |
//!
//! Whatever names a table in any other place is refused.

mod token;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use self::token::{Token, expressions, tokens};
use crate::database::numbered;

/// The tables that hold tenants' data, in an order in which each comes after those that it refers to; and
/// the view over some of them.
pub(crate) const TABLES: &[&str] = &[
    "script",
    "assignment",
    "group_assignment",
    "run_summary",
    "user_run_state",
    "device_run_state",
    "run",
    "run_state_count",
    "managed_device",
    "assignment_filter",
    "user_account",
    "directory_group",
    "group_member",
    "application",
    "application_secret",
    "application_key",
    "script_version",
    "logged_on_user",
    "targeting",
    "device_targeting",
    "target_change",
    "former_run_state",
    "enrollment_token",
    "retired_device",
    "run_request",
    "run_request_device",
    "audit_event",
    "audit_chain",
    "console_link",
    "console_session",
    "outcome_sample",
    "notification_key",
    "subscription",
    "subscription_notice",
    "subscription_event",
];

/// See [`TABLES`].
const VIEW: &str = "directory_object";

/// A statement that names a tenant's table where it cannot be said whose rows are meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a statement names the table {table} where its tenant cannot be said")]
pub(crate) struct Unscoped {
    table: String,
}

/// The statement as one of a tenant's, whose id is bound to the placeholder of that number.
fn of_tenant(sql: &str, number: usize) -> Result<Text, Unscoped> {
    let tokens = tokens(sql);
    let mut scoping = Scoping {
        shadowed: expressions(&tokens),
        tokens,
        at: 0,
        text: String::with_capacity(sql.len() + 128),
        tenant: format!("${number}"),
        clauses: Vec::new(),
        has_tenant: false,
    };
    scoping.run()?;
    Ok(Text {
        sql: scoping.text,
        has_tenant: scoping.has_tenant,
    })
}

/// A statement as PostgreSQL is given it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Text {
    /// With placeholders `$1` ….
    pub(crate) sql: String,
    /// Whether the tenant's id is bound behind all other values.
    pub(crate) has_tenant: bool,
}

/// How many texts are kept before all are forgotten: the queries of clients repeat, but there is no end to
/// what they may ask.
const TEXTS: usize = 4_096;

/// The texts that were asked for, so that each is put together once.
#[derive(Debug, Default)]
pub(crate) struct Texts(Mutex<HashMap<String, Arc<Text>>>);

impl Texts {
    /// The statement, of a tenant's data, with that many values of its own.
    pub(crate) fn of_tenant(&self, sql: &str, values: usize) -> Result<Arc<Text>, Unscoped> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = known.get(sql) {
            return Ok(Arc::clone(text));
        }
        let text = Arc::new(of_tenant(&numbered(sql), values + 1)?);
        if known.len() >= TEXTS {
            known.clear();
        }
        known.insert(sql.to_owned(), Arc::clone(&text));
        Ok(text)
    }
}

/// What an open parenthesis, or the statement itself, is in the middle of.
#[derive(Debug, Default)]
struct Clause {
    /// The name of the row that is changed, whose `WHERE` is still to come.
    changes: Option<String>,
    /// Its `WHERE` has begun, and ends with this clause.
    in_where: bool,
    /// Rows are added, by `VALUES` or `SELECT`, to which the tenant belongs.
    adds: Adds,
    /// Of a tenant's table, so that its unique keys begin with the tenant.
    conflict: bool,
    /// A name is that of a table here, and of a column elsewhere.
    in_from: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Adds {
    #[default]
    Nothing,
    /// What each row begins with is known once `VALUES` or `SELECT` comes.
    Soon,
    Values,
    Select,
}

struct Scoping<'a> {
    tokens: Vec<Token<'a>>,
    /// The names of the statement's own common table expressions, which are no tables here.
    shadowed: Vec<&'a str>,
    at: usize,
    text: String,
    tenant: String,
    clauses: Vec<Clause>,
    has_tenant: bool,
}

impl<'a> Scoping<'a> {
    fn run(&mut self) -> Result<(), Unscoped> {
        self.clauses.push(Clause::default());
        while let Some(token) = self.next() {
            match token {
                Token::Open => self.open(),
                Token::Close => self.close()?,
                Token::Other(text) => self.text.push_str(text),
                Token::Word(word) => self.word(word)?,
            }
        }
        self.end_clause()
    }

    fn word(&mut self, word: &'a str) -> Result<(), Unscoped> {
        let upper = word.to_ascii_uppercase();
        match &*upper {
            "FROM" | "JOIN" | "TABLE" | "TRUNCATE" | "USING" => self.clause().in_from = true,
            "SELECT" | "ON" | "WHERE" | "GROUP" | "ORDER" | "SET" | "RETURNING" | "UNION" => {
                self.clause().in_from = false;
            }
            _ => {}
        }
        match &*upper {
            "FROM" | "JOIN" => {
                self.text.push_str(word);
                self.read_table();
            }
            "DELETE" => {
                self.text.push_str(word);
                self.copy_space();
                if self.is_next("FROM") {
                    self.copy();
                    self.change_table();
                }
            }
            "UPDATE" => {
                self.text.push_str(word);
                self.change_table();
            }
            "INTO" => {
                self.text.push_str(word);
                self.add_to_table();
            }
            "WHERE" => {
                self.text.push_str(word);
                if let Some(row) = self.clause().changes.take() {
                    self.text.push_str(&format!(" {row}.tenant_id = "));
                    self.push_tenant();
                    self.text.push_str(" AND (");
                    self.clause().in_where = true;
                }
            }
            "RETURNING" => {
                self.end_where()?;
                self.text.push_str(word);
            }
            "VALUES" if self.clause().adds == Adds::Soon => {
                self.text.push_str(word);
                self.clause().adds = Adds::Values;
            }
            "SELECT" if matches!(self.clause().adds, Adds::Soon | Adds::Select) => {
                self.text.push_str(word);
                self.clause().adds = Adds::Select;
                self.copy_space();
                if self.is_next("DISTINCT") {
                    self.copy();
                }
                self.text.push(' ');
                self.push_tenant();
                self.text.push_str("::text, ");
            }
            "CONFLICT" => {
                self.text.push_str(word);
                self.clause().adds = Adds::Nothing;
                self.copy_space();
                if self.clause().conflict && self.tokens.get(self.at) == Some(&Token::Open) {
                    self.at += 1;
                    self.clauses.push(Clause::default());
                    self.text.push('(');
                    self.copy_space();
                    if !self.is_next("tenant_id") {
                        self.text.push_str("tenant_id, ");
                    }
                }
            }
            _ => {
                if self.is_tenants(word) && self.clause().in_from && !self.is_qualifier() {
                    return Err(unscoped(word));
                }
                self.text.push_str(word);
            }
        }
        Ok(())
    }

    /// Behind `FROM` and `JOIN`.
    fn read_table(&mut self) {
        self.copy_space();
        if self.is_next("LATERAL") {
            self.copy();
            self.copy_space();
        }
        let Some(Token::Word(table)) = self.peek() else {
            return;
        };
        self.at += 1;
        // `IS DISTINCT FROM script.id` names no table.
        if !self.is_tenants(table) || self.is_qualifier() {
            self.at -= 1;
            return;
        }
        self.text
            .push_str(&format!("(SELECT * FROM {table} WHERE tenant_id = "));
        self.push_tenant();
        self.text.push(')');
        if self.word_behind() != Some("AS") {
            self.text.push_str(&format!(" AS {table}"));
        }
    }

    /// Behind `UPDATE` and `DELETE FROM`.
    fn change_table(&mut self) {
        self.copy_space();
        let Some(Token::Word(table)) = self.peek() else {
            return;
        };
        if !self.is_tenants(table) {
            return;
        }
        self.copy();
        let mut row = table;
        if self.word_behind() == Some("AS") {
            self.copy_space();
            self.copy();
            self.copy_space();
            if let Some(Token::Word(alias)) = self.peek() {
                row = alias;
                self.copy();
            }
        }
        self.clause().changes = Some(row.to_owned());
    }

    /// Behind `INSERT INTO`.
    fn add_to_table(&mut self) {
        self.copy_space();
        let Some(Token::Word(table)) = self.peek() else {
            return;
        };
        if !self.is_tenants(table) {
            return;
        }
        self.copy();
        self.clause().conflict = true;
        // Up to the names of its columns.
        while let Some(token) = self.tokens.get(self.at)
            && *token != Token::Open
        {
            self.copy();
        }
        let columns = self.tokens.iter().skip(self.at);
        let mut columns = columns.take_while(|token| **token != Token::Close);
        if columns.any(|token| *token == Token::Word("tenant_id")) {
            return;
        }
        if self.tokens.get(self.at) == Some(&Token::Open) {
            self.at += 1;
            self.text.push_str("(tenant_id, ");
            self.clauses.push(Clause::default());
            // Once this parenthesis is closed.
            let before = self.clauses.len().checked_sub(2);
            if let Some(clause) = before.and_then(|at| self.clauses.get_mut(at)) {
                clause.adds = Adds::Soon;
            }
        }
    }

    fn open(&mut self) {
        self.text.push('(');
        if self.clause().adds == Adds::Values {
            self.push_tenant();
            self.text.push_str(", ");
        }
        self.clauses.push(Clause::default());
    }

    fn close(&mut self) -> Result<(), Unscoped> {
        self.end_clause()?;
        self.text.push(')');
        if self.clauses.is_empty() {
            self.clauses.push(Clause::default());
        }
        Ok(())
    }

    fn end_clause(&mut self) -> Result<(), Unscoped> {
        self.end_where()?;
        self.clauses.pop();
        Ok(())
    }

    /// A `WHERE` that the tenant was put into ends; where one is still to come, it never will.
    fn end_where(&mut self) -> Result<(), Unscoped> {
        let clause = self.clause();
        if let Some(row) = clause.changes.take() {
            return Err(unscoped(&row));
        }
        if std::mem::take(&mut clause.in_where) {
            let end = self.text.trim_end().len();
            self.text.insert(end, ')');
        }
        Ok(())
    }

    fn clause(&mut self) -> &mut Clause {
        if self.clauses.is_empty() {
            self.clauses.push(Clause::default());
        }
        let last = self.clauses.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "there is one, see above")]
        &mut self.clauses[last]
    }

    /// Whether that is the name of a table, or a view, of tenants' data.
    fn is_tenants(&self, word: &str) -> bool {
        (word == VIEW || TABLES.contains(&word)) && !self.shadowed.contains(&word)
    }

    fn next(&mut self) -> Option<Token<'a>> {
        let token = self.tokens.get(self.at).copied();
        self.at += 1;
        token
    }

    fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.at).copied()
    }

    fn push_tenant(&mut self) {
        self.text.push_str(&self.tenant);
        self.has_tenant = true;
    }

    /// Takes the next token as it is.
    fn copy(&mut self) {
        match self.next() {
            Some(Token::Word(text) | Token::Other(text)) => self.text.push_str(text),
            Some(Token::Open) => self.text.push('('),
            Some(Token::Close) => self.text.push(')'),
            None => {}
        }
    }

    fn copy_space(&mut self) {
        while let Some(Token::Other(text)) = self.peek()
            && text.trim().is_empty()
        {
            self.copy();
        }
    }

    fn is_next(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(next)) if next.eq_ignore_ascii_case(word))
    }

    /// The word that comes next, behind white space.
    fn word_behind(&self) -> Option<&'a str> {
        let rest = self.tokens.iter().skip(self.at);
        let mut rest =
            rest.skip_while(|token| matches!(token, Token::Other(text) if text.trim().is_empty()));
        match rest.next() {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }

    /// Whether the word just taken is what a column is said to be of, or a column.
    fn is_qualifier(&self) -> bool {
        let is_dot = |at: Option<usize>| {
            let token = at.and_then(|at| self.tokens.get(at));
            matches!(token, Some(Token::Other(text)) if text.starts_with('.'))
        };
        is_dot(Some(self.at)) || is_dot(self.at.checked_sub(2))
    }
}

fn unscoped(table: &str) -> Unscoped {
    Unscoped {
        table: table.to_owned(),
    }
}

#[cfg(test)]
mod plans;
#[cfg(test)]
mod tests;
