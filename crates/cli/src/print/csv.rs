//! Rows for spreadsheets (RFC 4180).

use serde_json::Value;

use super::printable::printable_lines;

/// A line of cells, with its end.
pub(crate) fn line<'v>(cells: impl Iterator<Item = &'v Value>) -> String {
    let cells: Vec<String> = cells.map(cell).collect();
    format!("{}\r\n", cells.join(","))
}

/// A line of names.
pub(crate) fn head(names: impl Iterator<Item = &'static str>) -> String {
    let names: Vec<&str> = names.collect();
    format!("{}\r\n", names.join(","))
}

/// One cell. A spreadsheet would take text that begins with one of a few characters for a formula and
/// run it; an apostrophe before it makes it text (OWASP, "CSV Injection"). Numbers stay numbers.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => return other.to_string(),
    };
    let danger = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if danger { format!("'{text}") } else { text };
    // A carriage return inside a cell is data; what a terminal would obey is not.
    let parts: Vec<String> = text.split('\r').map(printable_lines).collect();
    let text = parts.join("\r");
    match text.contains(['"', ',', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (value, written) in [
            (json!("=HYPERLINK(1)"), "'=HYPERLINK(1)"),
            (json!("+1"), "'+1"),
            (json!("-1+cmd"), "'-1+cmd"),
            (json!("@SUM(A1)"), "'@SUM(A1)"),
            (json!("\t=1"), "'\t=1"),
            (json!("\r=1"), "\"'\r=1\""),
            (json!("=1,\"2\""), "\"'=1,\"\"2\"\"\""),
            (json!(-1), "-1"),
            (json!("a=b"), "a=b"),
        ] {
            assert_eq!(cell(&value), written, "{value}");
        }
    }

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let cells = [
            json!("a,b"),
            json!("say \"x\""),
            json!("1\r\n2"),
            json!(null),
            json!(true),
            json!("\u{1b}[2J"),
        ];
        assert_eq!(
            line(cells.iter()),
            "\"a,b\",\"say \"\"x\"\"\",\"1\r\n2\",,true,␛[2J\r\n"
        );
    }
}
