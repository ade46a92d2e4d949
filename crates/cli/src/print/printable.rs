//! Text from elsewhere, made harmless: what a script prints, or somebody names a device, must not
//! move the cursor, change the terminal's title, or show one name for another.

/// The text in one line, without what a terminal would take for a command.
pub(crate) fn printable(text: &str) -> String {
    let text = text.trim_end_matches(['\n', '\r']);
    neutral(&text.replace("\r\n", "\n"), |c| match c {
        '\n' => Some('↵'),
        '\t' => Some(' '),
        _ => None,
    })
}

/// The same with its line breaks and tabs.
pub(crate) fn printable_lines(text: &str) -> String {
    neutral(&text.replace("\r\n", "\n"), |c| {
        matches!(c, '\n' | '\t').then_some(c)
    })
}

/// Shows each character that is none: those of C0 by their pictures (Unicode block "Control
/// Pictures"), all others by the replacement character.
fn neutral(text: &str, keep: impl Fn(char) -> Option<char>) -> String {
    let shown = |c: char| {
        if let Some(kept) = keep(c) {
            return kept;
        }
        match u32::from(c) {
            code @ 0..0x20 => char::from_u32(0x2400 + code).unwrap_or(char::REPLACEMENT_CHARACTER),
            0x7f => '\u{2421}',
            _ if c.is_control() || is_invisible(c) => char::REPLACEMENT_CHARACTER,
            _ => c,
        }
    };
    text.chars().map(shown).collect()
}

/// Characters that are not seen, or turn the direction of what follows, so that a text reads as
/// another (Unicode Technical Report 36, 2.10). The joiners stay: scripts and emoji need them.
fn is_invisible(c: char) -> bool {
    matches!(
        u32::from(c),
        0xad | 0x61c | 0x180e | 0x200b | 0x200e | 0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff
            | 0xfff9..=0xfffb | 0xe0000..=0xe007f
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_instead() {
        // Clears the screen, sets the title, answers back, overwrites, and an 8-bit CSI.
        for (text, shown) in [
            ("\u{1b}[2Jgone", "␛[2Jgone"),
            ("\u{1b}]0;title\u{7}", "␛]0;title␇"),
            ("ok\rfail", "ok␍fail"),
            ("\u{9b}31mred", "\u{fffd}31mred"),
            ("a\u{8}b\u{7f}", "a␈b␡"),
            ("exe.\u{202e}txt", "exe.\u{fffd}txt"),
            ("zero\u{200b}width", "zero\u{fffd}width"),
            ("Grüße, 東京 👩\u{200d}💻", "Grüße, 東京 👩\u{200d}💻"),
        ] {
            assert_eq!(printable(text), shown, "{text:?}");
            assert_eq!(printable_lines(text), shown, "{text:?}");
        }
    }

    #[test]
    fn lines_stay_lines_where_there_is_room() {
        assert_eq!(printable("one\r\ntwo\tthree\n"), "one↵two three");
        assert_eq!(printable_lines("one\r\ntwo\tthree\n"), "one\ntwo\tthree\n");
    }
}
