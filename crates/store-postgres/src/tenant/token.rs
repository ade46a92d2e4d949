//! A statement in pieces: enough of SQL to find where it names tables.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A keyword, a name or a number.
    Word(&'a str),
    /// White space, a literal, a comment or anything else, as it is.
    Other(&'a str),
    Open,
    Close,
}

/// The names of common table expressions: `WITH x AS (`, and `), y AS (`.
pub(super) fn expressions<'a>(tokens: &[Token<'a>]) -> Vec<&'a str> {
    let is_space =
        |token: &&Token<'_>| !matches!(token, Token::Other(text) if text.trim().is_empty());
    let plain: Vec<Token<'a>> = tokens.iter().filter(is_space).copied().collect();
    let mut names = Vec::new();
    for window in plain.windows(4) {
        if let [before, Token::Word(name), Token::Word(word), behind] = window
            && word.eq_ignore_ascii_case("AS")
            && matches!(behind, Token::Open | Token::Word("MATERIALIZED" | "NOT"))
        {
            let begins = match before {
                Token::Word(before) => ["WITH", "RECURSIVE"]
                    .iter()
                    .any(|with| before.eq_ignore_ascii_case(with)),
                Token::Other(comma) => *comma == ",",
                _ => false,
            };
            if begins {
                names.push(*name);
            }
        }
    }
    names
}

/// The statement in pieces that are its text again when put together.
pub(super) fn tokens(sql: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
        let end = match first {
            '(' | ')' => 1,
            // Up to the same again; one that is doubled begins the next literal.
            '\'' | '"' => rest
                .char_indices()
                .skip(1)
                .find(|(_, letter)| *letter == first)
                .map_or(rest.len(), |(at, _)| at + 1),
            _ if is_word(first) => rest.find(|it| !is_word(it)).unwrap_or(rest.len()),
            _ if first.is_whitespace() => rest
                .find(|it: char| !it.is_whitespace())
                .unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (token, behind) = rest.split_at(end);
        tokens.push(match first {
            '(' => Token::Open,
            ')' => Token::Close,
            _ if is_word(first) => Token::Word(token),
            _ => Token::Other(token),
        });
        rest = behind;
    }
    tokens
}
