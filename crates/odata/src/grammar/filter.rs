//! `$filter` and the expressions in it (ABNF `filter`, `commonExpr`).
//!
//! Operators bind as OData 4.01 URL Conventions, 5.1.1.17 has them: `has` and `in` most tightly,
//! then `not`, then `gt ge lt le`, then `eq ne`, then `and`, then `or`. So `not` before a comparison
//! needs parentheses around it.

use super::{
    ast::{BinaryOp, Column, Expr, ExprKind, Function, Literal, MemberPath, Quantifier},
    cursor::{Cursor, is_blank, is_name_char, is_name_start},
    literal,
    options::SystemOption,
};
use crate::{Error, ErrorKind};

/// Reads the decoded value of `$filter`, e.g. `runState eq 'fail' and errorCode gt 0`.
///
/// ```
/// use runstate_odata::grammar::filter;
///
/// let tree = filter::parse("(runState eq 'fail')and errorCode GT 0").unwrap();
/// assert_eq!(tree.to_string(), "runState eq 'fail' and errorCode gt 0");
/// assert_eq!(filter::parse("runState = 'fail'").unwrap_err().column, 10);
/// ```
///
/// # Errors
///
/// The first fault, with its column.
pub fn parse(text: &str) -> Result<Expr, Error> {
    SystemOption::Filter.value(text, common_expr)
}

/// ABNF `commonExpr`, and `boolCommonExpr`, which only differs by type.
pub(super) fn common_expr(cursor: &mut Cursor<'_>) -> Result<Expr, Error> {
    cursor.deeper(|cursor| binary_expr(cursor, 0))
}

impl BinaryOp {
    /// All operators, as they are written.
    pub(crate) const ALL: [(Self, &'static str); 9] = [
        (Self::Or, "or"),
        (Self::And, "and"),
        (Self::Eq, "eq"),
        (Self::Ne, "ne"),
        (Self::Gt, "gt"),
        (Self::Ge, "ge"),
        (Self::Lt, "lt"),
        (Self::Le, "le"),
        (Self::Has, "has"),
    ];

    /// How tightly it binds; `not` stands between 4 and 6.
    pub(super) fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Eq | Self::Ne => 3,
            Self::Gt | Self::Ge | Self::Lt | Self::Le => 4,
            Self::Has => 6,
        }
    }
}

/// ABNF `orExpr`, `andExpr`, `eqExpr` …: operators of the same strength group from the left.
fn binary_expr(cursor: &mut Cursor<'_>, loosest: u8) -> Result<Expr, Error> {
    let mut left = unary_expr(cursor)?;
    loop {
        let place = cursor.place();
        cursor.blanks();
        let column = cursor.column();
        let Some(op) = binary_operator(cursor)? else {
            cursor.back_to(place);
            return Ok(left);
        };
        let precedence = op.precedence();
        if precedence < loosest || op == BinaryOp::Has {
            cursor.back_to(place);
            return Ok(left);
        }
        cursor.node(column)?;
        let right = binary_expr(cursor, precedence + 1)?;
        left = Expr {
            column: left.column,
            kind: ExprKind::Binary(op, Box::new(left), Box::new(right)),
        };
    }
}

/// An operator's word; nothing where the next word is none.
fn binary_operator(cursor: &mut Cursor<'_>) -> Result<Option<BinaryOp>, Error> {
    let column = cursor.column();
    let word = cursor.take_while(is_name_char);
    for name in ["add", "sub", "mul", "div", "divby", "mod"] {
        if word.eq_ignore_ascii_case(name) {
            let message = format!("The operator '{name}' is not supported");
            return Err(cursor.error(ErrorKind::Unsupported, column, message));
        }
    }
    let found = |(op, name): (_, &str)| name.eq_ignore_ascii_case(word).then_some(op);
    Ok(BinaryOp::ALL.into_iter().find_map(found))
}

/// ABNF `notExpr`; `not` may stand directly before a parenthesis.
fn unary_expr(cursor: &mut Cursor<'_>) -> Result<Expr, Error> {
    cursor.blanks();
    let (place, column) = (cursor.place(), cursor.column());
    if cursor.keyword("not") {
        if cursor.peek().is_some_and(|c| is_blank(c) || c == '(') {
            cursor.node(column)?;
            let operand = cursor.deeper(unary_expr)?;
            return Ok(Expr {
                column,
                kind: ExprKind::Not(Box::new(operand)),
            });
        }
        cursor.back_to(place);
    }
    has_or_in_expr(cursor)
}

/// ABNF `hasExpr`, `inExpr`.
fn has_or_in_expr(cursor: &mut Cursor<'_>) -> Result<Expr, Error> {
    let mut left = primary_expr(cursor)?;
    loop {
        let place = cursor.place();
        cursor.blanks();
        let column = cursor.column();
        let kind = if cursor.keyword("has") {
            cursor.node(column)?;
            cursor.blanks();
            let right = primary_expr(cursor)?;
            ExprKind::Binary(BinaryOp::Has, Box::new(left), Box::new(right))
        } else if cursor.keyword("in") {
            cursor.node(column)?;
            ExprKind::In(Box::new(left), list_expr(cursor)?)
        } else {
            cursor.back_to(place);
            return Ok(left);
        };
        // The left side's column is that of the whole.
        let column = match &kind {
            ExprKind::Binary(_, left, _) | ExprKind::In(left, _) => left.column,
            _ => column,
        };
        left = Expr { column, kind };
    }
}

/// ABNF `listExpr`: at least one item.
fn list_expr(cursor: &mut Cursor<'_>) -> Result<Vec<Expr>, Error> {
    cursor.expect('(')?;
    let items = cursor.list(common_expr)?;
    if !cursor.eat(')') {
        return Err(cursor.unexpected("',' or ')'"));
    }
    Ok(items)
}

/// An operand: a literal, a path, a function, a quantifier or something in parentheses.
fn primary_expr(cursor: &mut Cursor<'_>) -> Result<Expr, Error> {
    let column = cursor.column();
    let literal = |cursor: &mut Cursor<'_>, literal| {
        cursor.node(column)?;
        Ok(Expr {
            column,
            kind: ExprKind::Literal(literal),
        })
    };
    if cursor.eat('(') {
        let inner = common_expr(cursor)?;
        cursor.blanks();
        if !cursor.eat(')') {
            return Err(cursor.unexpected("an operator or ')'"));
        }
        return Ok(inner);
    }
    if let Some(guid) = literal::guid_value(cursor) {
        return literal(cursor, guid);
    }
    match cursor.peek() {
        Some('\'') => {
            let text = literal::string(cursor)?;
            literal(cursor, Literal::String(text))
        }
        Some('0'..='9') => {
            let number = literal::number_or_date(cursor)?;
            literal(cursor, number)
        }
        Some('-' | '+')
            if cursor
                .rest()
                .chars()
                .nth(1)
                .is_some_and(|c| c.is_ascii_digit()) =>
        {
            let number = literal::number_or_date(cursor)?;
            literal(cursor, number)
        }
        Some('-') => Err(cursor.error(ErrorKind::Unsupported, column, "Negation is not supported")),
        Some('@') => {
            let message = "Parameter aliases and annotations are not supported";
            Err(cursor.error(ErrorKind::Unsupported, column, message))
        }
        Some('$') => member_expr(cursor, column, None),
        Some(c) if is_name_start(c) => named_expr(cursor, column),
        _ => Err(cursor.unexpected("a property, a literal or a function")),
    }
}

/// What begins with a name: a keyword literal, a literal with a prefix, a function or a path.
fn named_expr(cursor: &mut Cursor<'_>, column: Column) -> Result<Expr, Error> {
    let name = cursor.qualified_name("a name")?;
    let literal = match cursor.peek() {
        Some('\'') => Some(literal::prefixed(cursor, column, name)?),
        Some('(') => return method_call_expr(cursor, column, name),
        Some('/') => None,
        _ if name.eq_ignore_ascii_case("true") => Some(Literal::Boolean(true)),
        _ if name.eq_ignore_ascii_case("false") => Some(Literal::Boolean(false)),
        _ if name.eq_ignore_ascii_case("null") => Some(Literal::Null),
        _ => None,
    };
    match literal {
        Some(literal) => {
            cursor.node(column)?;
            Ok(Expr {
                column,
                kind: ExprKind::Literal(literal),
            })
        }
        None => member_expr(cursor, column, Some(name)),
    }
}

/// ABNF `firstMemberExpr`, `memberExpr`: a path, perhaps with `any` or `all` at its end.
fn member_expr(
    cursor: &mut Cursor<'_>,
    column: Column,
    first: Option<&str>,
) -> Result<Expr, Error> {
    let first = match first {
        Some(name) => name.to_owned(),
        None => path_segment(cursor)?.to_owned(),
    };
    cursor.node(column)?;
    let mut source = MemberPath {
        column,
        segments: vec![(column, first)],
    };
    while cursor.eat('/') {
        let segment_column = cursor.column();
        let segment = path_segment(cursor)?;
        if cursor.peek() == Some('(') {
            let quantifier = if segment.eq_ignore_ascii_case("any") {
                Quantifier::Any
            } else if segment.eq_ignore_ascii_case("all") {
                Quantifier::All
            } else {
                let message =
                    format!("'{segment}' cannot be called on a path; only any and all can");
                return Err(cursor.error(ErrorKind::Unsupported, segment_column, message));
            };
            let predicate = lambda_predicate(cursor, quantifier)?;
            return Ok(Expr {
                column,
                kind: ExprKind::Lambda {
                    source,
                    quantifier,
                    predicate,
                },
            });
        }
        cursor.node(segment_column)?;
        source.segments.push((segment_column, segment.to_owned()));
    }
    Ok(Expr {
        column,
        kind: ExprKind::Member(source),
    })
}

/// A segment of a path: a name, a qualified name, or a name of the language such as `$it`.
pub(super) fn path_segment<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, Error> {
    let start = cursor.rest();
    if !cursor.eat('$') {
        return cursor.qualified_name("the name of a property");
    }
    let column = cursor.column();
    let word = cursor.take_while(is_name_char);
    if !["it", "count"].contains(&word) {
        let message = format!("'${word}' is not supported here");
        return Err(cursor.error(ErrorKind::Unsupported, Column(column.0 - 1), message));
    }
    Ok(start.get(..=word.len()).unwrap_or_default())
}

/// ABNF `lambdaPredicateExpr` in its parentheses, with the variable before the colon.
fn lambda_predicate(
    cursor: &mut Cursor<'_>,
    quantifier: Quantifier,
) -> Result<Option<(String, Box<Expr>)>, Error> {
    cursor.expect('(')?;
    cursor.blanks();
    if quantifier == Quantifier::Any && cursor.eat(')') {
        return Ok(None);
    }
    let variable = cursor.odata_identifier("a variable such as 'x' in any(x:x eq 1)")?;
    cursor.expect(':')?;
    let predicate = common_expr(cursor)?;
    cursor.blanks();
    if !cursor.eat(')') {
        return Err(cursor.unexpected("an operator or ')'"));
    }
    Ok(Some((variable.to_owned(), Box::new(predicate))))
}

impl Function {
    /// All functions, as they are written, with the least and the greatest number of arguments.
    pub(crate) const ALL: [(Self, &'static str, usize, usize); 10] = [
        (Self::Contains, "contains", 2, 2),
        (Self::StartsWith, "startswith", 2, 2),
        (Self::EndsWith, "endswith", 2, 2),
        (Self::ToLower, "tolower", 1, 1),
        (Self::ToUpper, "toupper", 1, 1),
        (Self::Trim, "trim", 1, 1),
        (Self::Length, "length", 1, 1),
        (Self::IndexOf, "indexof", 2, 2),
        (Self::Substring, "substring", 2, 3),
        (Self::Concat, "concat", 2, 2),
    ];
}

/// ABNF `methodCallExpr`. The cursor stands at the parenthesis.
fn method_call_expr(cursor: &mut Cursor<'_>, column: Column, name: &str) -> Result<Expr, Error> {
    let served = Function::ALL.into_iter();
    let Some((function, name, least, greatest)) = served
        .into_iter()
        .find(|(_, served, _, _)| served.eq_ignore_ascii_case(name))
    else {
        let message = format!("The function '{name}' is not supported");
        return Err(cursor.error(ErrorKind::Unsupported, column, message));
    };
    cursor.node(column)?;
    let place = cursor.place();
    cursor.expect('(')?;
    cursor.blanks();
    let arguments = if cursor.eat(')') {
        Vec::new()
    } else {
        cursor.back_to(place);
        list_expr(cursor)?
    };
    if arguments.len() < least || arguments.len() > greatest {
        let wanted = if least == greatest {
            least.to_string()
        } else {
            format!("{least} or {greatest}")
        };
        let message = format!("{name} takes {wanted} arguments, not {}", arguments.len());
        return Err(cursor.error(ErrorKind::Syntax, column, message));
    }
    Ok(Expr {
        column,
        kind: ExprKind::Call(function, arguments),
    })
}
