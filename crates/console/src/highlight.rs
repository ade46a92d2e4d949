//! Scripts in colour. No parser: words, strings, variables and comments, which is what helps a reader;
//! what is taken for the wrong thing is shown all the same.

use maud::{Markup, html};

/// What a piece of a script is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Plain,
    Keyword,
    String,
    Variable,
    Comment,
}

/// A language, as far as this needs to know it.
struct Language {
    keywords: &'static [&'static str],
    /// Whether the case of keywords does not matter.
    any_case: bool,
    /// What quotes a character within double quotes.
    escape: char,
    /// Comments that end.
    block_comment: Option<(&'static str, &'static str)>,
}

const SHELL: Language = Language {
    keywords: &[
        "if", "then", "else", "elif", "fi", "for", "in", "do", "done", "while", "until", "case",
        "esac", "function", "select", "return", "exit", "local", "export", "readonly", "set",
        "unset", "shift", "trap", "break", "continue", "eval", "exec", "source", "test", "declare",
    ],
    any_case: false,
    escape: '\\',
    block_comment: None,
};

const POWERSHELL: Language = Language {
    keywords: &[
        "begin",
        "break",
        "catch",
        "class",
        "continue",
        "data",
        "do",
        "dynamicparam",
        "else",
        "elseif",
        "end",
        "enum",
        "exit",
        "filter",
        "finally",
        "for",
        "foreach",
        "function",
        "if",
        "in",
        "param",
        "process",
        "return",
        "switch",
        "throw",
        "trap",
        "try",
        "until",
        "using",
        "while",
    ],
    any_case: true,
    escape: '`',
    block_comment: Some(("<#", "#>")),
};

/// The most lines that are shown with a page; the whole is behind its own link.
const MOST_LINES: usize = 2000;

/// A script with its lines numbered.
pub(crate) fn script(text: &str, powershell: bool) -> Markup {
    let language = if powershell { &POWERSHELL } else { &SHELL };
    let lines = lines(&tokens(text, language));
    let more = lines.len().saturating_sub(MOST_LINES);
    html! {
        pre.lines tabindex="0" aria-label="Content of the script" {
            @for line in lines.iter().take(MOST_LINES) {
                span {
                    @for (token, text) in line {
                        @match class(*token) {
                            Some(class) => span class=(class) { (text) },
                            None => (text),
                        }
                    }
                }
            }
        }
        @if more > 0 { p.faint { (more) " more lines are not shown here." } }
    }
}

fn class(token: Token) -> Option<&'static str> {
    match token {
        Token::Plain => None,
        Token::Keyword => Some("k"),
        Token::String => Some("s"),
        Token::Variable => Some("v"),
        Token::Comment => Some("c"),
    }
}

/// The tokens of each line.
fn lines<'a>(tokens: &[(Token, &'a str)]) -> Vec<Vec<(Token, &'a str)>> {
    let mut lines = Vec::new();
    let mut line = Vec::new();
    for (token, text) in tokens {
        for (at, part) in text.split('\n').enumerate() {
            if at > 0 {
                lines.push(std::mem::take(&mut line));
            }
            let part = part.strip_suffix('\r').unwrap_or(part);
            if !part.is_empty() {
                line.push((*token, part));
            }
        }
    }
    // A file ends with a line end; there is no line behind it.
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// The tokens, which are the whole text.
fn tokens<'a>(text: &'a str, language: &Language) -> Vec<(Token, &'a str)> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut at_word = true;
    while let Some(first) = rest.chars().next() {
        let (token, length) = token(rest, first, at_word, language);
        let (taken, left) = rest
            .split_at_checked(length.max(first.len_utf8()))
            .unwrap_or((rest, ""));
        tokens.push((token, taken));
        let in_word = matches!(token, Token::Variable | Token::String);
        at_word = !in_word
            && taken
                .chars()
                .next_back()
                .is_some_and(|last| last.is_whitespace() || ";&|(){}".contains(last));
        rest = left;
    }
    tokens
}

/// What the text begins with, and how many bytes it has.
fn token(text: &str, first: char, at_word: bool, language: &Language) -> (Token, usize) {
    if let Some((begin, end)) = language.block_comment
        && text.starts_with(begin)
    {
        let length = text.find(end).map_or(text.len(), |at| at + end.len());
        return (Token::Comment, length);
    }
    match first {
        '#' if at_word => (Token::Comment, text.find('\n').unwrap_or(text.len())),
        '\'' => (Token::String, quoted(text, '\'', None)),
        '"' => (Token::String, quoted(text, '"', Some(language.escape))),
        '$' => (Token::Variable, variable(text)),
        _ if is_word(first) => {
            let length = text.find(|c| !is_word(c)).unwrap_or(text.len());
            let word = text.get(..length).unwrap_or(text);
            let is_keyword = |keyword: &str| match language.any_case {
                true => keyword.eq_ignore_ascii_case(word),
                false => keyword == word,
            };
            match at_word && language.keywords.iter().any(|keyword| is_keyword(keyword)) {
                true => (Token::Keyword, length),
                false => (Token::Plain, length),
            }
        }
        _ => (Token::Plain, first.len_utf8()),
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || "_-./".contains(letter)
}

/// How long a string is, quotes and all; to the end of the text where it does not end.
fn quoted(text: &str, quote: char, escape: Option<char>) -> usize {
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        if Some(letter) == escape {
            letters.next();
        } else if letter == quote {
            return at + quote.len_utf8();
        }
    }
    text.len()
}

/// How long a variable is: `$name`, `${…}`, `$1`; of anything else the sign alone.
fn variable(text: &str) -> usize {
    let behind = text.get(1..).unwrap_or_default();
    if behind.starts_with('{') {
        return behind.find('}').map_or(text.len(), |end| end + 2);
    }
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    let name = behind
        .find(|letter| !is_name(letter))
        .unwrap_or(behind.len());
    match name {
        0 if behind.starts_with(['?', '#', '@', '*', '!', '$']) => 2,
        name => 1 + name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, powershell: bool) -> String {
        script(text, powershell).into_string()
    }

    #[test]
    fn nothing_of_a_script_is_lost_or_markup() {
        let hostile = "echo \"</pre><script>alert('x')</script>\" # <b>\n${unfinished";
        for language in [&SHELL, &POWERSHELL] {
            let whole: String = tokens(hostile, language)
                .iter()
                .map(|token| token.1)
                .collect();
            assert_eq!(whole, hostile);
        }
        let shown = shown(hostile, false);
        assert!(
            !shown.contains("<script>") && !shown.contains("<b>"),
            "{shown}"
        );
    }

    #[test]
    fn shell_is_told_apart() {
        let tokens = tokens(
            "if [ \"$1\" = 'a b' ]; then # why\n  x=${HOME}#no\nfi",
            &SHELL,
        );
        let of = |token| {
            let found = tokens.iter().filter(move |(of, _)| *of == token);
            found.map(|(_, text)| *text).collect::<Vec<_>>()
        };
        assert_eq!(of(Token::Keyword), ["if", "then", "fi"]);
        assert_eq!(of(Token::String), ["\"$1\"", "'a b'"]);
        assert_eq!(of(Token::Variable), ["${HOME}"]);
        assert_eq!(of(Token::Comment), ["# why"]);
    }

    #[test]
    fn powershell_is_told_apart() {
        let text = "<# all\nof it #> ForEach ($x in $y) { Write-Host \"a `\" b\" }";
        let shown = shown(text, true);
        assert!(
            shown.contains("<span class=\"c\">&lt;# all</span></span>"),
            "{shown}"
        );
        assert!(
            shown.contains("<span class=\"k\">ForEach</span>"),
            "{shown}"
        );
        assert!(
            shown.contains("<span class=\"s\">&quot;a `&quot; b&quot;</span>"),
            "{shown}"
        );
    }
}
