//! Names of files for scripts, whatever somebody has called them.

use std::collections::BTreeSet;

use super::kind::Kind;

/// How many characters of a name go into a file's.
const LONGEST: usize = 60;

/// What Windows takes for a device, whatever the ending.
const DEVICES: [&str; 6] = ["aux", "con", "nul", "prn", "com", "lpt"];

/// A name of letters, digits and `-` alone: no way out of a folder, nothing hidden, nothing that a
/// shell or a system takes for something else.
pub(super) fn stem(name: &str) -> String {
    let mut stem = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            stem.push(c);
        } else if !stem.ends_with('-') {
            stem.push('-');
        }
    }
    let stem: String = stem.trim_matches('-').chars().take(LONGEST).collect();
    let stem = stem.trim_end_matches('-');
    let letters = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    match stem {
        "" => "script".to_owned(),
        _ if DEVICES.contains(&letters) => format!("{stem}-script"),
        _ => stem.to_owned(),
    }
}

/// The names that are taken in a folder. Many systems do not tell `A` from `a`.
#[derive(Debug, Default)]
pub(super) struct Taken(BTreeSet<String>);

impl Taken {
    /// Takes a file's name.
    pub(super) fn insert(&mut self, name: &str) {
        self.0.insert(name.to_lowercase());
    }

    /// A stem under which neither a front file nor a text is, and takes both. The id is added where
    /// the name is not enough.
    pub(super) fn allocate(&mut self, kind: Kind, name: &str, id: &str, alone: bool) -> String {
        let short = stem(name);
        let long = format!("{short}-{}", stem(id));
        let numbered = (2..).map(|number: u32| format!("{long}-{number}"));
        let all = alone.then_some(short).into_iter().chain([long.clone()]);
        let files = |stem: &str| {
            [
                format!("{stem}.yaml"),
                format!("{stem}.{}", kind.extension()),
            ]
        };
        let is_free = |stem: &String| files(stem).iter().all(|name| !self.0.contains(name));
        let free = all.chain(numbered).find(is_free).unwrap_or(long);
        for name in files(&free) {
            self.insert(&name);
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_anywhere_else() {
        for (name, expected) in [
            ("Kernel version", "kernel-version"),
            ("../../etc/passwd", "etc-passwd"),
            ("..", "script"),
            ("", "script"),
            (".git", "git"),
            ("C:\\Windows\\x", "c-windows-x"),
            ("NUL", "nul-script"),
            ("com1", "com1-script"),
            ("Größe 日本", "größe-日本"),
            ("a\0b\u{202e}c\n", "a-b-c"),
            ("-rf /", "rf"),
        ] {
            assert_eq!(stem(name), expected, "{name:?}");
        }
        assert_eq!(stem(&"x".repeat(1024)).len(), 60);
    }

    #[test]
    fn names_that_fall_together_are_told_apart() {
        let kind = Kind::named("deviceShellScript").unwrap();
        let mut taken = Taken::default();
        taken.insert("Other.SH");
        assert_eq!(taken.allocate(kind, "Kernel", "1", true), "kernel");
        assert_eq!(taken.allocate(kind, "KERNEL!", "2", true), "kernel-2");
        assert_eq!(taken.allocate(kind, "other", "../3", true), "other-3");
        assert_eq!(taken.allocate(kind, "same", "4", false), "same-4");
        assert_eq!(taken.allocate(kind, "same", "4", false), "same-4-2");
    }
}
