//! Paths by pattern: `*` stands for anything within a segment, `**` for any number of segments.

/// A pattern for the path of a request.
///
/// One that begins with an API version or names another page is compared with the whole path; any
/// other with what stands behind the version. Case makes no difference, as in Graph's own paths.
#[derive(Debug, Clone)]
pub(in super::super) struct Pattern(Vec<String>);

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// Where it does not begin with a slash.
    pub(in super::super) fn parse(text: &str) -> Result<Self, String> {
        let rest = text
            .strip_prefix('/')
            .ok_or_else(|| format!("the path {text:?} does not begin with a slash"))?;
        let segments = rest.trim_end_matches('/').split('/');
        Ok(Self(segments.map(str::to_ascii_lowercase).collect()))
    }

    /// Whether a request with this path is meant.
    pub(in super::super) fn matches(&self, path: &str) -> bool {
        let path = path.to_ascii_lowercase();
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let below = match segments.split_first() {
            Some((&("beta" | "v1.0"), below)) => Some(below),
            _ => None,
        };
        self.is(&segments) || below.is_some_and(|below| self.is(below))
    }

    fn is(&self, path: &[&str]) -> bool {
        let pattern: Vec<&str> = self.0.iter().map(String::as_str).collect();
        wild(
            &pattern,
            path,
            |part| *part == "**",
            |part, segment| {
                let (part, segment) = (part.as_bytes(), segment.as_bytes());
                wild(
                    part,
                    segment,
                    |byte| *byte == b'*',
                    |one, other| one == other,
                )
            },
        )
    }
}

/// Whether `text` is what `pattern` describes, in which what `is_star` says stands for any number of
/// parts. Goes back to the last star alone, so that no pattern takes long.
fn wild<P, T>(
    pattern: &[P],
    text: &[T],
    is_star: impl Fn(&P) -> bool,
    same: impl Fn(&P, &T) -> bool,
) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(next) = text.get(read) {
        match pattern.get(at) {
            Some(part) if is_star(part) => {
                star = Some((at, read));
                at += 1;
            }
            Some(part) if same(part, next) => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((star_at, from)) = star else {
                    return false;
                };
                star = Some((star_at, from + 1));
                at = star_at + 1;
                read = from + 1;
            }
        }
    }
    pattern.iter().skip(at).all(is_star)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stay_within_a_segment_and_double_stars_do_not() {
        for (pattern, path, expected) in [
            (
                "/deviceManagement/deviceShellScripts",
                "/beta/deviceManagement/deviceShellScripts",
                true,
            ),
            (
                "/deviceManagement/deviceShellScripts",
                "/beta/devicemanagement/DEVICESHELLSCRIPTS/",
                true,
            ),
            (
                "/deviceManagement/deviceShellScripts",
                "/beta/deviceManagement/deviceShellScripts/1",
                false,
            ),
            (
                "/deviceManagement/*/*",
                "/beta/deviceManagement/deviceShellScripts/1",
                true,
            ),
            (
                "/deviceManagement/*",
                "/beta/deviceManagement/deviceShellScripts/1",
                false,
            ),
            (
                "/deviceManagement/device*Scripts('*')",
                "/beta/deviceManagement/deviceShellScripts('1')",
                true,
            ),
            (
                "/deviceManagement/**",
                "/v1.0/deviceManagement/managedDevices/1/users",
                true,
            ),
            ("/deviceManagement/**", "/beta/deviceManagement", true),
            (
                "/beta/deviceManagement/**",
                "/v1.0/deviceManagement/managedDevices",
                false,
            ),
            (
                "/**/deviceRunStates/*",
                "/beta/deviceManagement/deviceShellScripts/1/deviceRunStates/1:2",
                true,
            ),
            ("/**/a/**/b", "/a/b/a/c/b", true),
            ("/**", "/", true),
            ("/*/oauth2/v2.0/token", "/contoso/oauth2/v2.0/token", true),
            ("/users", "/beta/groups", false),
        ] {
            let pattern = Pattern::parse(pattern).unwrap();
            assert_eq!(pattern.matches(path), expected, "{pattern:?} {path}");
        }
        assert!(Pattern::parse("users").is_err());
    }

    #[test]
    fn no_pattern_takes_long() {
        let pattern = Pattern::parse(&"/*a*a*a*a*a*a*a*b".repeat(20)).unwrap();
        assert!(!pattern.matches(&format!("/{}", "a".repeat(60_000))));
        let pattern = Pattern::parse(&"/**/a".repeat(200)).unwrap();
        assert!(!pattern.matches(&"/a/b".repeat(10_000)));
    }
}
