//! Scalars: literals, paths and functions of them.

use runstate_odata::{check::Scalar, grammar::ast::Function};

use super::{Bind, Dialect, compiler::Compiler, fault};
use crate::Error;

/// Every character of Unicode's `White_Space`, which PostgreSQL's `btrim` has to be told.
const WHITE_SPACE: &str = "\t\n\u{b}\u{c}\r \u{85}\u{a0}\u{1680}\u{2000}\u{2001}\u{2002}\u{2003}\
    \u{2004}\u{2005}\u{2006}\u{2007}\u{2008}\u{2009}\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}";

impl Compiler<'_> {
    /// SQL of a scalar; a truth is a number, 1 or 0, as in its column.
    pub(super) fn scalar(&mut self, scalar: &Scalar) -> Result<String, Error> {
        match scalar {
            Scalar::Literal(value) => self.literal(value),
            Scalar::Member(member) => self.member(member),
            Scalar::Call(function, arguments) => {
                let call = self.call(*function, arguments)?;
                Ok(match (self.dialect, is_test(*function)) {
                    (Dialect::Postgres, true) => format!("{call}::int::bigint"),
                    _ => call,
                })
            }
        }
    }

    /// SQL of a function; that of a test (`contains` …) is a condition.
    pub(super) fn call(
        &mut self,
        function: Function,
        arguments: &[Scalar],
    ) -> Result<String, Error> {
        let arguments = arguments
            .iter()
            .map(|argument| self.scalar(argument))
            .collect::<Result<Vec<_>, _>>()?;
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        match self.dialect {
            Dialect::Sqlite => sqlite(function, &arguments),
            Dialect::Postgres => self.postgres(function, &arguments),
        }
        .ok_or_else(|| fault("a function with the wrong number of arguments"))
    }

    fn postgres(&mut self, function: Function, arguments: &[&str]) -> Option<String> {
        use Function::*;
        Some(match (function, arguments) {
            (Contains, [text, part]) => format!("(strpos({text}, {part}) > 0)"),
            (StartsWith, [text, part]) => format!("starts_with({text}, {part})"),
            (EndsWith, [text, part]) => format!("(right({text}, length({part})) = {part})"),
            // The C collation of the columns knows the cases of ASCII alone.
            (ToLower, [text]) => format!("(lower({text} COLLATE \"und-x-icu\") COLLATE \"C\")"),
            (ToUpper, [text]) => format!("(upper({text} COLLATE \"und-x-icu\") COLLATE \"C\")"),
            (Trim, [text]) => {
                let white = self.share(Bind::Text(WHITE_SPACE.to_owned()));
                format!("btrim({text}, {white})")
            }
            (Length, [text]) => format!("length({text})::bigint"),
            (IndexOf, [text, part]) => format!("(strpos({text}, {part}) - 1)::bigint"),
            (Substring, [text, start]) => format!("substr({text}, {})", clamp(start, 1)),
            (Substring, [text, start, length]) => {
                format!("substr({text}, {}, {})", clamp(start, 1), clamp(length, 0))
            }
            (Concat, [left, right]) => format!("({left} || {right})"),
            _ => return None,
        })
    }

    /// The text folded as `$search` compares it.
    pub(super) fn folded(&self, text: &str) -> String {
        match self.dialect {
            Dialect::Sqlite => format!("odata_fold({text})"),
            Dialect::Postgres => format!("lower({text} COLLATE \"und-x-icu\")"),
        }
    }

    /// Whether the text contains the part.
    pub(super) fn contains(&self, text: &str, part: &str) -> String {
        match self.dialect {
            Dialect::Sqlite => format!("(instr({text}, {part}) > 0)"),
            Dialect::Postgres => format!("(strpos({text}, {part}) > 0)"),
        }
    }
}

/// Whether a function's value is a truth.
fn is_test(function: Function) -> bool {
    matches!(
        function,
        Function::Contains | Function::StartsWith | Function::EndsWith
    )
}

fn sqlite(function: Function, arguments: &[&str]) -> Option<String> {
    use Function::*;
    Some(match (function, arguments) {
        (Contains, [text, part]) => format!("(instr({text}, {part}) > 0)"),
        (StartsWith, [text, part]) => format!("odata_startswith({text}, {part})"),
        (EndsWith, [text, part]) => format!("odata_endswith({text}, {part})"),
        (ToLower, [text]) => format!("odata_tolower({text})"),
        (ToUpper, [text]) => format!("odata_toupper({text})"),
        (Trim, [text]) => format!("odata_trim({text})"),
        (Length, [text]) => format!("odata_length({text})"),
        (IndexOf, [text, part]) => format!("(instr({text}, {part}) - 1)"),
        (Substring, [text, start]) => format!("odata_substring({text}, {start})"),
        (Substring, [text, start, length]) => format!("odata_substring({text}, {start}, {length})"),
        (Concat, [left, right]) => format!("({left} || {right})"),
        _ => return None,
    })
}

/// A number not below nought, plus `more`, within PostgreSQL's `int`; null stays null, which
/// `greatest` and `least` by themselves would pass over.
fn clamp(number: &str, more: u8) -> String {
    format!(
        "CASE WHEN {number} IS NOT NULL THEN (least(greatest({number}, 0), 2147483646) + {more})::int END"
    )
}
