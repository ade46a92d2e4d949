//! `$search` (ABNF `search`). `NOT` binds more tightly than `AND`, and `AND` than `OR`; a blank
//! between two terms is an `AND`. The three words are operators in capitals only.

use super::{
    ast::Search,
    cursor::{Cursor, is_blank},
    options::SystemOption,
};
use crate::{Error, ErrorKind};

/// Reads the decoded value of `$search`, e.g. `printer AND NOT "first floor"`.
///
/// # Errors
///
/// The first fault, with its column.
pub fn parse(text: &str) -> Result<Search, Error> {
    SystemOption::Search.value(text, search_expr)
}

/// ABNF `searchExpr`, `searchOrExpr`.
pub(super) fn search_expr(cursor: &mut Cursor<'_>) -> Result<Search, Error> {
    cursor.deeper(|cursor| {
        let mut left = search_and_expr(cursor)?;
        loop {
            cursor.blanks();
            let place = cursor.place();
            if search_word(cursor) != "OR" {
                cursor.back_to(place);
                return Ok(left);
            }
            cursor.node(cursor.column())?;
            left = Search::Or(Box::new(left), Box::new(search_and_expr(cursor)?));
        }
    })
}

/// ABNF `searchAndExpr`.
fn search_and_expr(cursor: &mut Cursor<'_>) -> Result<Search, Error> {
    let mut left = search_not_expr(cursor)?;
    loop {
        cursor.blanks();
        let place = cursor.place();
        match search_word(cursor) {
            "AND" => {}
            "OR" => {
                cursor.back_to(place);
                return Ok(left);
            }
            word => {
                let term_follows = !word.is_empty() || matches!(cursor.peek(), Some('"' | '('));
                cursor.back_to(place);
                if !term_follows {
                    return Ok(left);
                }
            }
        }
        cursor.node(cursor.column())?;
        left = Search::And(Box::new(left), Box::new(search_not_expr(cursor)?));
    }
}

/// ABNF `searchNegateExpr`, `searchParenExpr`, `searchPhrase`, `searchWord`.
fn search_not_expr(cursor: &mut Cursor<'_>) -> Result<Search, Error> {
    cursor.blanks();
    let (place, column) = (cursor.place(), cursor.column());
    cursor.node(column)?;
    if cursor.eat('(') {
        let inner = search_expr(cursor)?;
        cursor.blanks();
        if !cursor.eat(')') {
            return Err(cursor.unexpected("'AND', 'OR' or ')'"));
        }
        return Ok(inner);
    }
    if cursor.peek() == Some('"') {
        return Ok(Search::Term(search_phrase(cursor)?));
    }
    match search_word(cursor) {
        "NOT" => Ok(Search::Not(Box::new(cursor.deeper(search_not_expr)?))),
        "" | "AND" | "OR" => {
            cursor.back_to(place);
            Err(cursor.unexpected("a word or a phrase in double quotes"))
        }
        word => Ok(Search::Term(word.to_owned())),
    }
}

/// ABNF `searchWord`: what has no character with a meaning around it.
fn search_word<'a>(cursor: &mut Cursor<'a>) -> &'a str {
    cursor.take_while(|c| !is_blank(c) && !"()\";".contains(c))
}

/// ABNF `searchPhrase`: in double quotes; `\"` and `\\` stand for a quote and a backslash.
fn search_phrase(cursor: &mut Cursor<'_>) -> Result<String, Error> {
    let column = cursor.column();
    cursor.expect('"')?;
    let mut phrase = String::new();
    loop {
        match cursor.bump() {
            Some('"') if phrase.is_empty() => {
                return Err(cursor.error(ErrorKind::Syntax, column, "The phrase is empty"));
            }
            Some('"') => return Ok(phrase),
            Some('\\') if matches!(cursor.peek(), Some('"' | '\\')) => phrase.extend(cursor.bump()),
            Some(c) => phrase.push(c),
            None => {
                let message = "A phrase is not closed with a double quote";
                return Err(cursor.error(ErrorKind::Syntax, column, message));
            }
        }
    }
}
