//! The functions that compiled queries call and SQLite lacks.

use runstate_store::query::functions::{ALL, Function};
use rusqlite::{
    Connection, Result,
    functions::{Context, FunctionFlags},
};

/// Makes the functions known to a connection.
pub(crate) fn register(connection: &Connection) -> Result<()> {
    // Deterministic, so that SQLite calls them once for a literal; innocuous means that they may
    // stand in a view, and they touch nothing but their arguments.
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    for (name, arity, function) in ALL {
        let arity = i32::try_from(*arity).unwrap_or(-1);
        match *function {
            Function::Map(map) => {
                connection.create_scalar_function(*name, arity, flags, move |context| {
                    Ok(text(context, 0)?.map(map))
                })?;
            }
            Function::Measure(measure) => {
                connection.create_scalar_function(*name, arity, flags, move |context| {
                    Ok(text(context, 0)?.map(measure))
                })?;
            }
            Function::Test(test) => {
                connection.create_scalar_function(*name, arity, flags, move |context| {
                    let pair = text(context, 0)?.zip(text(context, 1)?);
                    Ok(pair.map(|(text, part)| test(text, part)))
                })?;
            }
            Function::Part(part) => {
                connection.create_scalar_function(*name, arity, flags, move |context| {
                    let length = match context.len() {
                        3 => match context.get::<Option<i64>>(2)? {
                            // Null where an argument is null.
                            None => return Ok(None),
                            length => length,
                        },
                        _ => None,
                    };
                    let start = context.get::<Option<i64>>(1)?;
                    let found = text(context, 0)?.zip(start);
                    Ok(found.map(|(text, start)| part(text, start, length)))
                })?;
            }
        }
    }
    Ok(())
}

/// The text of an argument; none for null.
fn text<'a>(context: &'a Context<'_>, at: usize) -> Result<Option<&'a str>> {
    Ok(context.get_raw(at).as_str_or_null()?)
}
